#!/usr/bin/env python3
"""The page for approvers, in chromium: log in, see a statement that waits,
approve it, and it runs; deny another.  Scripts are switched off for all of it.
WebDriver is plain HTTP.  Environment: that of tests/stack's env.
"""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

shots = sys.argv[1]
env = os.environ
failed = 0
started = []


def check(what, good, more=''):
    global failed
    print('%s %s' % ('ok' if good else 'not ok', what), flush=True)
    if not good:
        failed += 1
        print('    %s' % more, flush=True)


def until(seconds, f):
    end = time.monotonic() + seconds
    while True:
        v = f()
        if v or time.monotonic() > end:
            return v
        time.sleep(0.1)


def token(sub, group):
    return subprocess.run(['tests/stack', 'token', '--dir', env['STACK_DIR'],
                           '--sub', sub, '--group', group], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def psql(*sql):
    """Statements of the agent in one session, under way."""
    p = subprocess.Popen(
        [env['PG_BINDIR'] + '/psql', '-X',
         'host=%s port=%s dbname=shop user=nightly-bot sslmode=verify-full '
         'sslrootcert=%s' % (env['GW_HOST'], env['GW_PORT'], env['GW_CA']),
         *[a for s in sql for a in ('-c', s)]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=dict(env, PGPASSWORD=token('agent-7', 'ai-agents')))
    started.append(p)
    return p


class Driver:
    def __init__(self):
        s = socket.socket()
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
        s.close()
        self.process = subprocess.Popen(
            ['chromedriver', '--port=%d' % port, '--silent'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(self.process)
        self.url = 'http://127.0.0.1:%d' % port
        until(20, self.ready)
        options = {'args': ['--headless=new', '--window-size=1200,1000',
                            '--disable-gpu', '--disable-dev-shm-usage'] +
                   (['--no-sandbox'] if os.geteuid() == 0 else []),
                   'prefs': {'profile.managed_default_content_settings':
                             {'javascript': 2}}}
        self.url += '/session/' + self.call('POST', '/session', {
            'capabilities': {'alwaysMatch': {
                'goog:chromeOptions': options}}})['sessionId']

    def call(self, method, path, body=None):
        q = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'Content-Type': 'application/json'})
        with urllib.request.urlopen(q, timeout=60) as a:
            return json.load(a)['value']

    def ready(self):
        try:
            return self.call('GET', '/status')['ready']
        except OSError:
            return False

    def go(self, url):
        self.call('POST', '/url', {'url': url})

    def at(self):
        return self.call('GET', '/url')

    def find(self, css):
        found = self.call('POST', '/elements',
                          {'using': 'css selector', 'value': css})
        return [list(e.values())[0] for e in found]

    def text(self, css='main'):
        try:
            return '\n'.join(self.call('GET', '/element/%s/text' % e)
                             for e in self.find(css))
        except OSError:     # the page was loaded anew meanwhile
            return ''

    def click(self, css):
        self.call('POST', '/element/%s/click' % self.find(css)[0], {})

    def type(self, css, text):
        self.call('POST', '/element/%s/value' % self.find(css)[0],
                  {'text': text})

    def shot(self, name):
        import base64
        with open('%s/%s.png' % (shots, name), 'wb') as f:
            f.write(base64.b64decode(self.call('GET', '/screenshot')))


def story(d, page):
    d.go(page)
    check('who is not logged in is led to the login',
          d.at() == page + 'login', d.at())
    d.shot('1-login')
    d.type('input[name=token]', 'garbage')
    d.click('main button')
    check('a bad token is refused', 'the token is refused' in d.text(),
          d.text())
    d.type('input[name=token]', token('ada', 'approvers'))
    d.click('main button')
    check('logged in', d.at() == page and 'Nothing waits.' in d.text(),
          d.at() + d.text())
    check('the cookie is out of reach of scripts and other sites',
          any(c['name'] == '__Host-postern' and c['httpOnly'] and c['secure']
              and c['sameSite'] == 'Strict'
              for c in d.call('GET', '/cookie')))

    runs = psql("SELECT id, email, '<b>bold</b>\u202e' AS html, NULL AS n "
                "FROM customers WHERE id < 4 ORDER BY id",
                "DROP TABLE orders",
                "UPDATE orders SET status = 'archived'\n"
                " WHERE placed_at < now() /* <b>\u202e */")
    # By itself: nothing is clicked.
    check('what waits appears by itself',
          until(20, lambda: 'agent-7' in d.text('table.open')), d.text())
    d.shot('2-list')
    d.click('table.open a')
    said = d.text()
    check('its text is there, harmless',
          "UPDATE orders SET status = 'archived'" in said and
          '<b>\\u{202e}' in said, said)
    check('what it touches is there', 'public.orders' in said, said)
    d.shot('3-request')
    check('it waits', runs.poll() is None)
    d.type('form.approve input[name=reason]', 'the yearly clean-up')
    d.click('form.approve button')
    out = runs.communicate(timeout=60)[0]
    check('approved, it runs', 'UPDATE 200000' in out, out)
    check('and the page says so', 'approved' in d.text() and
          'approve by ada' in d.text(), d.text())
    check('with no button any more', d.find('form.approve') == [])
    d.shot('4-approved')

    runs = psql("UPDATE orders SET amount = 0")
    d.go(page)
    until(20, lambda: 'agent-7' in d.text('table.open'))
    d.click('table.open a')
    d.type('form.deny input[name=reason]', 'all of them?')
    d.click('form.deny button')
    out = runs.communicate(timeout=60)[0]
    check('denied, it does not, and the reason is read',
          'all of them?' in out and 'UPDATE' not in out, out)
    d.go(page)
    check('the history has both', 'denied' in d.text() and
          'approved' in d.text(), d.text())
    d.shot('5-history')
    d.click('header button')
    d.go(page)
    check('logged out', d.at() == page + 'login', d.at())


def recorded():
    """The session with all of it, once its end is in the record."""
    def find():
        return subprocess.run(
            ['sqlite3', '-readonly', env['AUDIT_DB'],
             "SELECT session FROM sessions WHERE subject = 'agent-7' AND "
             "closed IS NOT NULL AND statements = 3"],
            stdout=subprocess.PIPE, text=True).stdout.strip()
    return until(20, find)


def replayed(d):
    """That session as auditctl replay --html writes it, from a file."""
    page = os.path.join(shots, 'replay.html')
    if os.path.exists(page):
        os.unlink(page)
    made = subprocess.run(
        [env['POSTERN_BIN'] + '/auditctl', '-f', env['AUDITD_FILE'], 'replay',
         '--html', page, recorded()], stderr=subprocess.PIPE, text=True)
    check('replay --html writes a page', made.returncode == 0, made.stderr)
    d.go('file://' + page)
    said = d.text('body')
    check('it is whole', 'agent-7' in said and 'End of the session.' in said,
          said)
    check('three statements', len(d.find('section')) == 3, said)
    check('the rows are there', len(d.find('tbody tr')) == 3 and
          '(3 rows)' in said, said)
    check('masked cells are marked',
          len(d.find('td.masked')) == 3 and len(d.find('th.masked')) == 1 and
          d.text('td.masked').count('***@') == 3, d.text('td.masked'))
    check('NULL is another than nothing', len(d.find('td.null')) == 3)
    check('what looks like a page is text', '<b>bold</b>\\u{202e}' in said and
          d.find('b') == [], said)
    check('the refusal is there', len(d.find('section.denied')) == 1 and
          'nothing-structural' in d.text('section.denied'), said)
    check('the wait is there', 'waited' in said and
          len(d.find('svg rect.wait')) == 1, said)
    check('the timeline has all', len(d.find('svg rect.ok')) == 2 and
          len(d.find('svg rect.denied')) == 1)
    colour = d.call('GET', '/element/%s/css/background-color' %
                    d.find('td.masked')[0])
    check('its style is let through', colour == 'rgba(253, 233, 201, 1)',
          colour)
    check('nothing is loaded or run',
          d.find('script') + d.find('link') + d.find('img') == [])
    d.shot('6-replay')


def main():
    serve = subprocess.Popen(
        [env['POSTERN_BIN'] + '/policyctl', '-s', env['POLICYD_SOCK'],
         'serve', '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE,
        text=True)
    started.append(serve)
    page = serve.stdout.readline().strip()
    check('the page is there', page.startswith('http://127.0.0.1:'), page)
    d = None
    try:
        d = Driver()
        story(d, page)
        replayed(d)
    finally:
        if d is not None:
            try:
                d.call('DELETE', '')
            except OSError:
                pass
        for p in started:
            if p.poll() is None:
                p.terminate()
    return 1 if failed else 0


sys.exit(main())
