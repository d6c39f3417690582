#!/usr/bin/env python3
"""An issuer for the tests of logging in: the code flow with PKCE and the device
flow, as tests/e2e/test_page.c wants them, good or lying.

    issuer.py URLFILE STACK-DIR MODE      MODE: good, nonce, state, denied

Whoever comes is logged in as "boss" of the group approvers.  Its tokens are
tests/stack's.
"""
import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import urllib.parse

urlfile, stack, mode = sys.argv[1:4]
codes = {}
asked = {'device': 0}


def token(*claims):
    args = ['tests/stack', 'token', '--dir', stack, '--sub', 'boss',
            '--group', 'approvers']
    for c in claims:
        args += ['--claim', c]
    return subprocess.run(args, check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


class Issuer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        u = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(u.query))
        if u.path == '/.well-known/openid-configuration':
            self.answer(200, {'issuer': url,
                              'authorization_endpoint': url + '/auth',
                              'token_endpoint': url + '/token',
                              'device_authorization_endpoint':
                              url + '/device'})
        elif (u.path == '/auth' and q.get('response_type') == 'code' and
              q.get('client_id') == 'the page' and
              q.get('scope') == 'openid' and
              q.get('resource') == 'urn:postern' and
              q.get('code_challenge_method') == 'S256'):
            codes['c&de'] = q
            back = {'code': 'c&de', 'state': q['state']}
            if mode == 'denied':
                back = {'error': 'access_denied', 'state': q['state']}
            if mode == 'state':
                back['state'] = '0' * 64
            self.answer(303, {}, Location=q['redirect_uri'] + '?' +
                        urllib.parse.urlencode(back))
        else:
            self.answer(400, {})

    def do_POST(self):
        n = int(self.headers['Content-Length'])
        q = dict(urllib.parse.parse_qsl(self.rfile.read(n).decode()))
        if self.path == '/device' and q.get('client_id') == 'the page':
            self.answer(200, {'device_code': 'd+v', 'user_code': 'ABCD-EFGH',
                              'verification_uri': url + '/enter',
                              'expires_in': 60, 'interval': 1})
        elif self.path == '/token' and q.get('device_code') == 'd+v':
            asked['device'] += 1
            if mode == 'denied':
                self.answer(400, {'error': 'access_denied'})
            elif asked['device'] < 2:
                self.answer(400, {'error': 'authorization_pending'})
            else:
                self.answer(200, {'access_token': token()})
        elif self.path == '/token' and q.get('code') in codes:
            auth = codes.pop(q['code'])
            hashed = base64.urlsafe_b64encode(hashlib.sha256(
                q['code_verifier'].encode()).digest()).decode().rstrip('=')
            if (hashed != auth['code_challenge'] or
                    q['client_id'] != 'the page' or
                    q['redirect_uri'] != auth['redirect_uri']):
                self.answer(400, {'error': 'invalid_grant'})
                return
            nonce = 'x' * 64 if mode == 'nonce' else auth['nonce']
            self.answer(200, {'access_token': token(),
                              'id_token': token(json.dumps({'nonce': nonce}))})
        else:
            self.answer(400, {'error': 'invalid_grant'})


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Issuer)
url = 'http://127.0.0.1:%d' % server.server_address[1]
with open(urlfile + '.new', 'w') as f:
    f.write(url)
os.rename(urlfile + '.new', urlfile)
server.serve_forever()
