// oidc-provider as four issuers: one that rotates, and three that stop being
// what they were once their keys are known.  The process is both the
// providers and the test.
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { spawn } from 'node:child_process';
import { check, end, login, opens, opensWithin, ready, refused, sleep }
  from './lib.mjs';

const env = process.env;
const { default: Provider } =
  await import(`${env.IDP_MODULES}/oidc-provider/lib/index.js`);
const tls = { key: fs.readFileSync(`${env.IDP_TLS}/server.key`),
  cert: fs.readFileSync(`${env.IDP_TLS}/server.pem`) };
const ca = fs.readFileSync(env.GW_CA);
const AUD = 'postern.idp.example';

function key(kid, alg) {
  const pair = alg === 'RS256' ?
    crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) :
    crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair.privateKey.export({ format: 'jwk' }), kid, alg,
    use: 'sig' };
}

// A provider behind a server of ours, so that its keys can be swapped.
class Issuer {
  constructor(name) {
    this.name = name;
    this.asked = 0;
    this.mode = 'good';
  }

  async start() {
    this.server = https.createServer(tls, (q, s) => this.answer(q, s));
    await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
    this.url = `https://localhost:${this.server.address().port}`;
    this.keys([key('a', 'RS256'), key('a-ec', 'ES256')]);
  }

  // What it publishes; the first of an algorithm signs.
  keys(keys) {
    this.signs = keys;
    this.provider = new Provider(this.url, {
      clients: [{ client_id: 'agent', client_secret: 'not-a-secret',
        grant_types: ['client_credentials'], redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_post' }],
      jwks: { keys },
      ttl: { ClientCredentials: 600 },
      extraTokenClaims: () => ({ groups: ['ai-agents'] }),
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: { enabled: true,
          getResourceServerInfo: (ctx, resource) => {
            const alg = resource.endsWith('es') ? 'ES256' : 'RS256';
            return { scope: 'sql', audience: AUD, accessTokenTTL: 600,
              accessTokenFormat: 'jwt', jwt: { sign: { alg,
                kid: this.signs.find((k) => k.alg === alg).kid } } };
          } },
      },
    });
    this.handler = this.provider.callback();
  }

  answer(q, s) {
    const keys = q.url === '/jwks';
    if (keys || q.url.startsWith('/.well-known/')) this.asked++;
    if (keys && this.mode === 'slow') {
      setTimeout(() => this.handler(q, s), 15000);
    } else if (keys && this.mode === 'huge') {
      s.setHeader('content-type', 'application/json');
      s.end(`{"keys":[],"x":"${'a'.repeat(1 << 20)}"}`);
    } else if (keys && this.mode === 'moved') {
      s.writeHead(302, { location: `${this.url}/elsewhere` });
      s.end();
    } else {
      this.handler(q, s);
    }
  }

  // A token as any client gets one.
  async token(alg = 'RS256') {
    const body = new URLSearchParams({ grant_type: 'client_credentials',
      client_id: 'agent', client_secret: 'not-a-secret', scope: 'sql',
      resource: `https://db.example/${alg === 'ES256' ? 'es' : 'rs'}` })
      .toString();
    return new Promise((resolve, reject) => {
      const q = https.request(`${this.url}/token`, { method: 'POST', ca,
        headers: { 'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(body) } }, (s) => {
        let text = '';
        s.on('data', (d) => { text += d; });
        s.on('end', () => {
          const t = JSON.parse(text).access_token;
          if (t === undefined) reject(new Error(text));
          else resolve(t);
        });
      });
      q.on('error', reject);
      q.end(body);
    });
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const log = () => fs.readFileSync(`${env.STACK_DIR}/policyd.log`, 'utf8');

const corpToken = () => new Promise((resolve) => {
  const p = spawn('tests/stack', ['token', '--dir', env.STACK_DIR, '--sub',
    'beside', '--group', 'ai-agents']);
  let out = '';
  p.stdout.on('data', (d) => { out += d; });
  p.on('close', () => resolve(out.trim()));
});

const main = new Issuer('main');
const slow = new Issuer('slow');
const huge = new Issuer('huge');
const moved = new Issuer('moved');
const down = new Issuer('down');
const all = [main, slow, huge, moved, down];
for (const i of all) await i.start();
ready(process.argv[2], all.map((i) => i.name).join(' '), all.map((i) =>
  `  ${i.name}: {issuer: "${i.url}", audience: ${AUD}, algorithms: ` +
  `[RS256, ES256], token_type: access, jti: any, ca_file: ${env.GW_CA}}`)
  .join('\n'));

// Discovery, and both algorithms.
const old = new Map();
for (const i of all) {
  old.set(i, await i.token());
  await opensWithin(`${i.name}: discovery over https, RS256`, 20, old.get(i));
}
await opens('main: ES256', await main.token('ES256'));
const asked = main.asked;
for (let n = 0; n < 3; n++) await login(await main.token());
check('known keys are not asked for again', main.asked === asked,
  `${main.asked - asked} times`);

// Each signs with a key that is new; what it publishes is as its mode says.
const a = main.signs;
const b = [key('b', 'RS256'), key('b-ec', 'ES256')];
main.keys([...b, ...a]);
for (const i of [slow, huge, moved]) {
  i.keys([key('b', 'RS256'), key('b-ec', 'ES256')]);
  i.mode = i.name;
}
down.stop();
const byB = await main.token();
await opensWithin('main: rotated, the new key', 45, byB);
await opens('main: rotated, the old key in the overlap', old.get(main));
await opens('down: its last good keys', old.get(down));

for (const i of [huge, moved]) {
  await refused(`${i.name}: a key that cannot be had`, await i.token());
  await opens(`${i.name}: its last good keys`, old.get(i));
}
// While one is waited for nobody else is.
const fresh = await slow.token();
const beside = await corpToken();
const waiting = login(fresh);
await sleep(300);
const start = Date.now();
await opens('beside a slow provider: another issuer', beside);
await opens('beside a slow provider: its own last good keys', old.get(slow));
const took = Date.now() - start;
const said = await waiting;
check('slow: refused when the time is up', said.includes('failed'), said);
check('the others did not wait for it', took < 5000, `${took} ms`);
check('huge: the record says so', log().includes('answer is too large'));
check('moved: no redirect is followed', log().includes('HTTP status 302'));

// A flood of unknown keys asks no more than once in a cool-down.
const n = main.asked;
const kids = [];
for (let k = 0; k < 5; k++) {
  main.signs = [...b, ...a];
  kids.push(main.token().then((t) => {
    const [h, c, s] = t.split('.');
    const head = JSON.parse(Buffer.from(h, 'base64url'));
    head.kid = `unknown-${k}`;
    return `${Buffer.from(JSON.stringify(head)).toString('base64url')}` +
      `.${c}.${s}`;
  }));
}
for (const t of await Promise.all(kids)) await login(t);
check('unknown keys cause no more than one fetch', main.asked - n <= 2,
  `${main.asked - n} requests`);

// Withdrawn: only the newest is published, and learned of by its first token.
main.keys([key('c', 'RS256'), key('c-ec', 'ES256')]);
await opensWithin('main: the newest key', 75, await main.token());
await refused('main: a withdrawn key', byB);
await refused('main: the first key, withdrawn', old.get(main));

for (const i of all) if (i !== down) i.stop();
end();
