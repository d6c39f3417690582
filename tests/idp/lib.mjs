// What the tests of identity providers share: logins by psql, and waiting.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const env = process.env;
let failed = 0;

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// Log in with a token, over TLS or the gateway's Unix socket: '' when a query was answered, else what psql says.
export function login(token, profile = 'nightly-bot') {
  return new Promise((resolve) => {
    const p = spawn(`${env.PG_BINDIR}/psql`, ['-X', '-q', '-At', '-c',
      'SELECT 1', env.IDP_VIA === 'socket' ?
        `host=${env.GW_SOCKET_DIR} port=${env.GW_PORT} dbname=shop ` +
        `user=${profile}` :
        `host=127.0.0.1 port=${env.GW_PORT} dbname=shop ` +
        `user=${profile} sslmode=verify-full sslrootcert=${env.GW_CA}`],
    { env: { ...env, PGPASSWORD: token, PGCONNECT_TIMEOUT: '20' } });
    let out = '';
    p.stdout.on('data', (d) => { out += d; });
    p.stderr.on('data', (d) => { out += d; });
    p.on('close', (code) => resolve(code === 0 && out === '1\n' ? '' :
      out || `exit ${code}`));
  });
}

export function check(what, ok, more = '') {
  console.log(`${ok ? 'ok' : 'not ok'} ${what}`);
  if (!ok) {
    failed++;
    if (more !== '') console.log(`    ${String(more).trim()}`);
  }
  return ok;
}

export async function opens(what, token) {
  const said = await login(token);
  return check(what, said === '', said);
}

export async function refused(what, token, words = 'authentication failed') {
  const said = await login(token);
  return check(what, said.includes(words), said || 'let in');
}

// Try until it opens: failures count against our address, so not often.
export async function opensWithin(what, seconds, token) {
  const end = Date.now() + seconds * 1000;
  let said;
  do {
    said = await login(token);
    if (said !== '') await sleep(4000);
  } while (said !== '' && Date.now() < end);
  return check(what, said === '', said);
}

// Tell the script which issuers there are; it puts them into the policy.
export function ready(fifo, names, yaml) {
  writeFileSync(fifo, `${names}|${yaml.replaceAll('\n', '\\n')}\n`);
}

export function end() {
  process.exit(failed === 0 ? 0 : 1);
}
