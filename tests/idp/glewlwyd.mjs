// Debian's glewlwyd, a fresh one with a database of its own: two OpenID
// Connect instances, RS256 and ES256, set up as its administrator would.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { execFileSync, spawn } from 'node:child_process';
import { check, end, opens, opensWithin, ready, refused, sleep }
  from './lib.mjs';

const env = process.env;
const dir = env.GLEWLWYD_DIR;
const tls = env.GW_CA.replace(/\/[^/]*$/, '');
const ca = fs.readFileSync(env.GW_CA);
const SCHEMA = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';

const port = await new Promise((resolve) => {
  const s = net.createServer().listen(0, '127.0.0.1', () => {
    const p = s.address().port;
    s.close(() => resolve(p));
  });
});
const base = `https://localhost:${port}`;
execFileSync('sqlite3', [`${dir}/db`], { input: fs.readFileSync(SCHEMA) });
fs.writeFileSync(`${dir}/conf`, `
port=${port}
bind_address="127.0.0.1"
external_url="${base}"
api_prefix="api"
static_files_path="${dir}"
log_mode="file"
log_level="INFO"
log_file="${dir}/log"
cookie_domain="localhost"
cookie_secure=1
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
user_middleware_module_path="/usr/lib/glewlwyd/user_middleware"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
use_secure_connection=true
secure_connection_key_file="${tls}/server.key"
secure_connection_pem_file="${tls}/server.pem"
hash_algorithm="SHA512"
database = { type = "sqlite3"; path = "${dir}/db"; };
`);
const server = spawn('glewlwyd', [`--config-file=${dir}/conf`],
  { stdio: 'inherit' });
process.on('exit', () => server.kill());
for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => process.exit(1));

let cookie = '';

function call(method, path, headers, data) {
  return new Promise((resolve, reject) => {
    const q = https.request(`${base}/api${path}`, { method, ca, headers: {
      ...headers, cookie, 'content-length': Buffer.byteLength(data) } },
    (s) => {
      let text = '';
      s.on('data', (d) => { text += d; });
      s.on('end', () => {
        if (s.headers['set-cookie'] !== undefined) {
          cookie = s.headers['set-cookie'].map((c) => c.split(';')[0])
            .join('; ');
        }
        if (s.statusCode === 200) resolve(text);
        else reject(new Error(`${path}: ${s.statusCode} ${text}`));
      });
    });
    q.on('error', reject);
    q.end(data);
  });
}

const admin = (path, o) => call('POST', path,
  { 'content-type': 'application/json' }, JSON.stringify(o));

async function token(instance, scope) {
  const text = await call('POST', `/${instance}/token`, {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: `Basic ${Buffer.from('agent:not-a-secret')
      .toString('base64')}` },
  new URLSearchParams({ grant_type: 'client_credentials', scope })
    .toString());
  return JSON.parse(text).access_token;
}

async function instance(name, alg) {
  const pair = alg === 'RS256' ?
    crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) :
    crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...pair.privateKey.export({ format: 'jwk' }), kid: name, alg,
    use: 'sig' };
  await admin('/mod/plugin/', { module: 'oidc', name, display_name: name,
    order_rank: 0, readonly: false, parameters: {
      iss: `${base}/api/${name}`,
      'jwks-private': JSON.stringify({ keys: [jwk] }),
      'default-kid': name, 'jwks-show': true,
      'jwt-type': alg === 'RS256' ? 'rsa' : 'ecdsa', 'jwt-key-size': '256',
      'access-token-duration': 300, 'refresh-token-duration': 3600,
      'code-duration': 60, 'refresh-token-rolling': true,
      'allow-non-oidc': true, 'auth-type-code-enabled': false,
      'auth-type-token-enabled': false, 'auth-type-id-token-enabled': true,
      'auth-type-password-enabled': false, 'auth-type-client-enabled': true,
      'auth-type-device-enabled': false, 'auth-type-refresh-enabled': false,
      'auth-type-none-enabled': false, 'subject-type': 'public', scope: [],
      'additional-parameters': [], claims: [] } });
}

for (let n = 0; ; n++) {
  try {
    await admin('/auth/', { username: 'admin', password: 'password' });
    break;
  } catch (e) {
    if (n === 100) throw e;
    await sleep(100);
  }
}
const scopes = ['ai-agents', 'cooks'];
for (const name of scopes) {
  await admin('/scope/', { name, display_name: name,
    password_required: false });
}
await admin('/client/', { client_id: 'agent', name: 'agent',
  confidential: true, password: 'not-a-secret',
  client_secret: 'not-a-secret', authorization_type: ['client_credentials'],
  scope: scopes, redirect_uri: [], enabled: true,
  token_endpoint_auth_method: ['client_secret_basic'] });
await instance('rs', 'RS256');
await instance('es', 'ES256');

// Its aud is the list of scopes, and so are the groups here.
ready(process.argv[2], 'gl-rs gl-es', ['rs', 'es'].map((n) =>
  `  gl-${n}: {issuer: "${base}/api/${n}", audience: [ai-agents, ` +
  `"ai-agents cooks"], algorithms: [RS256, ES256], token_type: access, ` +
  `groups: /scope, jti: ${n === 'es' ? 'strict' : 'pool'}, ` +
  `ca_file: ${env.GW_CA}}`).join('\n'));

await opensWithin('glewlwyd: RS256', 20, await token('rs', 'ai-agents'));
const es = await token('es', 'ai-agents');
await opensWithin('glewlwyd: ES256', 20, es);
await refused('glewlwyd: a token that counts once, again', es);
await opens('glewlwyd: another token of the same client',
  await token('es', 'ai-agents'));
await opens('glewlwyd: a pool, twice', await token('rs', 'ai-agents'));
await refused('glewlwyd: another audience', await token('rs', 'cooks'));
check('glewlwyd: it is still there', server.exitCode === null);
end();
