// People log in with oidc-provider to approve what waits: with policyctl
// approve --device (RFC 8628), and on the page of policyctl serve by the code
// flow with PKCE.  The provider is this process; its own pages, with the forms
// that a person fills in, are gone through as a browser would.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { execFileSync, spawn } from 'node:child_process';
import { check, end, ready, sleep } from './lib.mjs';

const env = process.env;
const { default: Provider } =
  await import(`${env.IDP_MODULES}/oidc-provider/lib/index.js`);
const ca = fs.readFileSync(env.GW_CA);
const AUD = 'postern.people.example';
const RESOURCE = 'https://postern.example/approve';

const server = https.createServer({
  key: fs.readFileSync(`${env.IDP_TLS}/server.key`),
  cert: fs.readFileSync(`${env.IDP_TLS}/server.pem`) });
await new Promise((r) => server.listen(0, '127.0.0.1', r));
const url = `https://localhost:${server.address().port}`;
const pair = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(url, {
  clients: [{ client_id: 'page', application_type: 'native',
    token_endpoint_auth_method: 'none', response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code',
      'urn:ietf:params:oauth:grant-type:device_code'] }],
  jwks: { keys: [{ ...pair.privateKey.export({ format: 'jwk' }), kid: 'a',
    alg: 'RS256', use: 'sig' }] },
  scopes: ['openid', 'sql'],
  pkce: { required: () => true },
  // Whoever logs in as boss may approve.
  extraTokenClaims: (ctx, token) =>
    ({ groups: token.accountId === 'boss' ? ['approvers'] : ['cooks'] }),
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    resourceIndicators: { enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'sql', audience: AUD,
        accessTokenTTL: 300, accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256', kid: 'a' } } }) },
  },
});
server.on('request', provider.callback());

// A browser: one jar of cookies for each origin.
class Browser {
  constructor() { this.jars = new Map(); }

  one(method, to, form, headers = {}) {
    const u = new URL(to);
    const jar = this.jars.get(u.origin) ?? new Map();
    this.jars.set(u.origin, jar);
    const data = form === undefined ? '' : new URLSearchParams(form)
      .toString();
    return new Promise((resolve, reject) => {
      const q = (u.protocol === 'https:' ? https : http).request(u, {
        method, ...(u.protocol === 'https:' ? { ca } : {}), headers: {
          cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '),
          ...(method === 'POST' ? { 'content-type':
            'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(data) } : {}), ...headers } },
      (s) => {
        let text = '';
        for (const c of s.headers['set-cookie'] ?? []) {
          const [, k, v] = c.match(/^([^=]+)=([^;]*)/);
          if (v === '' || /expires=Thu, 01 Jan 1970/i.test(c)) jar.delete(k);
          else jar.set(k, v);
        }
        s.on('data', (d) => { text += d; });
        s.on('end', () => resolve({ status: s.statusCode, text, url: to,
          to: s.headers.location === undefined ? undefined :
            new URL(s.headers.location, to).href }));
      });
      q.on('error', reject);
      q.end(data);
    });
  }

  async go(method, to, form, headers) {
    let a = await this.one(method, to, form, headers);
    for (let n = 0; a.to !== undefined && n < 20; n++) {
      a = await this.one('GET', a.to);
    }
    return a;
  }

  // The provider's forms, until there is none.
  async pages(to, who) {
    let a = await this.go('GET', to);
    for (let n = 0; n < 10; n++) {
      const form = a.text.match(/<form[^>]*>[\s\S]*?<\/form>/);
      if (form === null || !a.url.startsWith(url)) break;
      const fields = {};
      for (const [tag] of form[0].matchAll(/<(?:input|button)[^>]*>/g)) {
        const name = tag.match(/name="([^"]*)"/);
        const value = tag.match(/value="([^"]*)"/);
        if (name !== null) fields[name[1]] = value === null ? '' : value[1];
      }
      if ('login' in fields) Object.assign(fields, { login: who,
        password: 'any' });
      const action = form[0].match(/action="([^"]*)"/);
      a = await this.go('POST', new URL(action[1].replaceAll('&amp;', '&'),
        a.url).href, fields);
    }
    return a;
  }
}

// An agent's statement that waits, and the number of its request.
function held(sub) {
  const token = execFileSync('tests/stack', ['token', '--dir', env.STACK_DIR,
    '--sub', sub, '--group', 'ai-agents']).toString().trim();
  const p = spawn(`${env.PG_BINDIR}/psql`, ['-X', '-q', '-c', '\\set QUIET off',
    '-c', "UPDATE orders SET status = status WHERE id BETWEEN 1 AND 3",
    `host=127.0.0.1 port=${env.GW_PORT} dbname=shop user=nightly-bot ` +
    `sslmode=verify-full sslrootcert=${env.GW_CA}`],
  { env: { ...env, PGPASSWORD: token } });
  const h = { out: '' };
  p.stdout.on('data', (d) => { h.out += d; });
  p.stderr.on('data', (d) => { h.out += d; });
  h.over = new Promise((r) => p.on('close', r));
  return h;
}

const policyctl = (args, more = {}) => spawn(`${env.POSTERN_BIN}/policyctl`,
  ['-f', env.POLICY_FILE, '-s', env.POLICYD_SOCK, ...args], more);

async function request(sub) {
  for (let n = 0; n < 200; n++) {
    for (const line of execFileSync(`${env.POSTERN_BIN}/policyctl`, ['-s',
      env.POLICYD_SOCK, '--json', 'requests']).toString().split('\n')) {
      if (line === '') continue;
      const r = JSON.parse(line);
      if (r.subject === sub && r.state === 'open') return r.request;
    }
    await sleep(100);
  }
  throw new Error(`no request of ${sub}`);
}

const LOGIN = ['--issuer', 'people', '--client-id', 'page', '--scope',
  'openid sql', '--resource', RESOURCE];

// approve --device, logged in as `who`: its exit code and what it said.
async function device(number, who) {
  const p = policyctl(['approve', '--device', ...LOGIN, String(number)]);
  let said = '';
  let gone = false;
  p.stdout.on('data', (d) => { said += d; });
  p.stderr.on('data', (d) => { said += d; });
  const over = new Promise((r) => p.on('close', (c) => { gone = true; r(c); }));
  let at = null;
  for (let n = 0; n < 200 && at === null && !gone; n++) {
    await sleep(50);
    at = said.match(/https:\/\/\S+/);
  }
  if (at !== null) {
    const code = said.match(/\b([A-Z]{4}-[A-Z]{4})\b/);
    const to = new URL(at[0]);
    if (code !== null) to.searchParams.set('user_code', code[1]);
    await new Browser().pages(to.href, who);
  }
  return { code: await over, said };
}

ready(process.argv[2], 'people', `  people: {issuer: "${url}", audience: ` +
  `${AUD}, algorithms: [RS256], token_type: access, jti: any, ` +
  `ca_file: ${env.GW_CA}}`);
// Until the policy that names it is in force.
for (let n = 0; n < 100; n++) {
  if (JSON.parse(execFileSync(`${env.POSTERN_BIN}/policyctl`, ['-s',
    env.POLICYD_SOCK, '--json', 'status'])).generation > 1) break;
  await sleep(100);
}

// By the device flow.
let h = held('people-d');
let number = await request('people-d');
let d = await device(number, 'cook');
check('device flow: one of another group is refused', d.code !== 0 &&
  d.said.includes('none of its groups'), d.said);
d = await device(number, 'boss');
check('device flow: boss approves', d.code === 0, d.said);
await Promise.race([h.over, sleep(20000)]);
check('device flow: the statement ran', /UPDATE 3/.test(h.out), h.out);

// On the page, by the code flow.
const page = policyctl(['serve', '--listen', '127.0.0.1:0', ...LOGIN],
  { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => page.kill());
const origin = (await new Promise((r) => page.stdout.once('data', r)))
  .toString().trim().replace(/\/$/, '');
const b = new Browser();
let a = await b.go('GET', `${origin}/login`);
check('page: offers the issuer', a.text.includes('Log in with people'), a.text);
a = await b.pages(`${origin}/oidc`, 'boss');
check('page: code flow with PKCE logs in',
  a.text.includes('You are logged in.'), a.text);
h = held('people-c');
number = await request('people-c');
const path = `${origin}/request/${number}`;
a = await b.go('GET', path);
const csrf = a.text.match(/name="csrf" value="([^"]*)"/);
check('page: shows the request', csrf !== null && a.text.includes('people-c'),
  a.text);
a = await b.one('POST', path, { csrf: csrf[1], decision: 'approve',
  reason: 'seen' }, { origin });
check('page: boss approves', a.status === 303, a.text);
await Promise.race([h.over, sleep(20000)]);
check('page: the statement ran', /UPDATE 3/.test(h.out), h.out);
page.kill();
server.close();
server.closeAllConnections();
end();
