// People chat through the standalone example, in Debian's Chromium, without a window.
//
// `node tests/browser/chat.mjs`, or `tests/run browser`, which installs what this needs. Screenshots go to tests/out.
// The steps build on each other: after the first that fails the others are skipped. STANDALONE may name another
// command than the release example; `--listen ADDRESS:PORT` is added to it.
import assert from 'node:assert/strict'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { Host } from './host.mjs'
import { Person } from './person.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const target = process.env.CARGO_TARGET_DIR ?? `${root}/target`
const out = `${root}/tests/out`
const HISTORY = 50

const command = process.env.STANDALONE?.split(' ') ?? [`${target}/release/examples/standalone`]
const host = new Host(command)
let browser
/** By name: Ada and Bob in the lobby, Cleo in another room, Dora in the other namespace, others later. */
const people = {}
/** Those who have left, too. */
const everybody = []

async function open(name, options) {
  const person = await Person.open(browser, host.url, name, options)
  people[name] = person
  everybody.push(person)
  return person
}

let failed = false
function step(name, what) {
  test(name, { timeout: 120_000 }, async context => {
    if (failed) return context.skip('an earlier step failed')
    try {
      await what()
    } catch (error) {
      failed = true
      for (const { name, page } of Object.values(people)) {
        await page.screenshot({ path: `${out}/failed-${name.replace(/\W/g, '')}.png` }).catch(() => {})
      }
      throw error
    }
  })
}

before(async () => {
  await mkdir(out, { recursive: true })
  for (const name of await readdir(out)) if (name.endsWith('.png')) await rm(`${out}/${name}`)
  await host.start()
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
})

after(async () => {
  await browser?.close()
  host.stop()
})

step('two come in by the keyboard and see each other', async () => {
  const ada = await open('Ada')
  await ada.enter()
  await ada.focusIsOn('text')
  const bob = await open('Bob')
  await bob.enter()
  await ada.reads('notice', /Bob.*came in/)
  for (const one of [ada, bob]) {
    await one.counts('room', 'lobby', 'count', 2)
    await one.row('person', 'Ada').waitFor()
    await one.row('person', 'Bob').waitFor()
  }
})

step('the page has the roles that a screen reader needs', async () => {
  const { page } = people.Ada
  const roles = [['navigation', /rooms/i], ['log', /messages/i], ['textbox', 'Message'], ['button', 'Send'],
    ['heading', '# lobby'], ['list', 'Your rooms'], ['group', 'Namespace'], ['complementary', /here now/i]]
  for (const [role, name] of roles) {
    assert.equal(await page.getByRole(role, { name }).count(), 1, `one ${role} named ${name}`)
  }
  await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor()
})

step('a third goes to another room and a fourth to the other namespace', async () => {
  const cleo = await open('Cleo')
  await cleo.enter()
  await cleo.leave()
  await people.Ada.reads('notice', /Cleo.*left/)
  await cleo.goTo('library')
  await cleo.counts('room', 'lobby', 'count', 2)
  const dora = await open('Dora')
  await dora.enter()
  await dora.leave()
  await dora.switchTo('garden')
  // The garden has a lobby of its own, with nobody else in it.
  await dora.isIn('lobby')
  await dora.counts('room', 'lobby', 'count', 1)
})

/** What was said before can not arrive any more, if it has not yet: each has since been told something else. */
async function nobodyElseHeard(text) {
  const { Ada, Cleo, Dora } = people
  serial += 1
  await Ada.goTo('library')
  await Ada.say(`Only for the library, ${serial}.`)
  await Cleo.sees('Ada', `Only for the library, ${serial}.`)
  await Ada.leave()
  await Ada.choose('lobby')
  await Dora.say(`Is anybody here? ${serial}`)
  Cleo.hasNotHeard(text)
  Dora.hasNotHeard(text)
}
let serial = 0

step('two chat in a room, and neither the other room nor the other namespace hears it', async () => {
  const { Ada, Bob } = people
  const begun = Date.now()
  await Ada.say('Good evening! Is this seat taken?')
  await Bob.sees('Ada', 'Good evening! Is this seat taken?')
  await Bob.say('It was waiting for you.')
  await Ada.sees('Bob', 'It was waiting for you.')
  await Ada.say('Two lines\nare one message — with ünïcödé 🎻')
  await Bob.sees('Ada', 'Two lines\nare one message — with ünïcödé 🎻')
  const said = ['Ada: Good evening! Is this seat taken?', 'Bob: It was waiting for you.',
    'Ada: Two lines\nare one message — with ünïcödé 🎻']
  assert.deepEqual(await Ada.messages(), said)
  assert.deepEqual(await Bob.messages(), said)
  const times = await Ada.times()
  assert.deepEqual(await Bob.times(), times, 'both are shown the same times')
  for (const { date, text } of times) {
    assert.ok(begun <= date && date <= Date.now(), `${text} is when it was said`)
    assert.match(text, /^\d{1,2}:\d{2}\b/)
  }
  assert.ok(await Ada.page.getByTestId('message').first().locator('time').isVisible())
  for (const text of ['seat taken', 'waiting for you', 'one message']) await nobodyElseHeard(text)
})

step('who writes is seen writing, until the message is there', async () => {
  const { Ada, Bob, Cleo } = people
  await Ada.page.getByTestId('text').pressSequentially('Hm')
  await Bob.reads('typing', /Ada is typing/)
  await Ada.say('Hmm.')
  await Bob.sees('Ada', 'Hmm.')
  await Bob.reads('typing', /^$/)
  await nobodyElseHeard('Hmm.')
  const typing = Cleo.received.filter(message => message.includes('"typing"') && message.includes('"lobby"'))
  assert.deepEqual(typing, [], 'Cleo is not told who types in the lobby')
})

step('a direct message reaches one', async () => {
  const { Ada, Bob, Cleo, Dora } = people
  await Ada.whisper('Bob', 'Between you and me.')
  await Bob.counts('direct', 'Ada', 'unread', 1)
  await Bob.row('direct', 'Ada').click()
  await Bob.sees('Ada', 'Between you and me.')
  await Bob.say('My lips are sealed.')
  await Ada.sees('Bob', 'My lips are sealed.')
  await Ada.choose('lobby')
  await Bob.choose('lobby')
  for (const text of ['Between you and me.', 'My lips are sealed.']) await nobodyElseHeard(text)
  for (const one of [Cleo, Dora]) {
    assert.equal(await one.page.getByTestId('direct').count(), 0, `${one.name} has no direct message`)
  }
  assert.equal((await Bob.messages()).filter(text => text.includes('Between')).length, 0, 'the lobby does not show it')
})

step('who joins gets the last fifty messages', async () => {
  const { Ada } = people
  await Ada.goTo('attic')
  const lines = Array.from({ length: HISTORY + 5 }, (_, index) => `Line ${index + 1}`)
  for (const line of lines) await Ada.say(line)
  const eve = await open('Eve')
  await eve.enter()
  await eve.goTo('attic')
  await eve.sees('Ada', lines.at(-1))
  assert.deepEqual(await eve.messages(), lines.slice(-HISTORY).map(line => `Ada: ${line}`))
  await eve.say('So much to read.')
  await Ada.sees('Eve', 'So much to read.')
  await Ada.choose('lobby')
})

step('what is said in a room that is not shown counts as unread', async () => {
  const { Ada, Eve } = people
  for (const text of ['One.', 'Two.', 'Three.']) await Eve.say(text)
  await Ada.counts('room', 'attic', 'unread', 3)
  assert.match(await Ada.row('room', 'attic').locator('.badge').innerText(), /^3\b/)
  assert.match(await Ada.page.title(), /^\(3\)/)
  await Ada.choose('attic')
  await Ada.sees('Eve', 'Three.')
  await Ada.counts('room', 'attic', 'unread', 0)
  await Ada.page.getByTestId('fresh').waitFor()
  assert.equal(await Ada.row('room', 'attic').locator('.badge').isVisible(), false, 'the badge is gone')
  assert.doesNotMatch(await Ada.page.title(), /^\(/)
  await Eve.page.close()
  delete people.Eve
  await Ada.reads('notice', /Eve.*left/)
  await Ada.leave()
  await Ada.choose('lobby')
})

step('HTML in names and messages is text', async () => {
  const { Ada, Bob } = people
  const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
  const mallory = await open('<b>Mallory</b>')
  await mallory.enter()
  await mallory.say(attack)
  await Bob.sees(mallory.name, attack)
  await Ada.sees(mallory.name, attack)
  await Bob.reads('notice', /<b>Mallory<\/b>.*came in/)
  await mallory.page.getByTestId('text').pressSequentially('<i>')
  await Bob.reads('typing', /<b>Mallory<\/b> is typing/)
  await mallory.page.getByTestId('text').fill('')
  await mallory.whisper('Bob', attack)
  await Bob.row('direct', mallory.name).click()
  await Bob.sees(mallory.name, attack)
  await Bob.choose('lobby')
  await mallory.goTo('<u>room</u>')
  await mallory.say(attack)
  await Bob.row('room', '<u>room</u>').waitFor()
  for (const { name, page } of [Ada, Bob, mallory]) {
    assert.equal(await page.evaluate(() => window.hacked), undefined, `no script ran in ${name}'s page`)
    const elements = await page.locator('body img, #app b:not(.brand b), #app u, [data-testid=message-text] *').count()
    assert.equal(elements, 0, `no markup in ${name}'s page`)
  }
  await mallory.page.close()
  delete people[mallory.name]
  await Bob.reads('notice', /<b>Mallory<\/b>.*left/)
})

step('it is good to look at, in light and dark', async () => {
  const { Ada, Bob, Cleo } = people
  for (const one of [Ada, Bob, Cleo]) await one.goTo('terrace')
  const talk = [[Bob, 'The lamps are lit, and the neighbours have a piano.'], [Cleo, 'And nobody who plays it badly?'],
    [Bob, 'I did not say that.'], [Ada, 'Then we need more tea.'], [Ada, 'Who else is coming tonight?']]
  for (const [one, text] of talk) await one.say(text)
  for (const one of [Ada, Bob, Cleo]) await one.sees('Ada', talk.at(-1)[1])
  await Cleo.choose('library')
  await Cleo.say('Has anyone seen my other glove?')
  await Bob.page.getByTestId('text').pressSequentially('Everybody')
  await Ada.reads('typing', /Bob is typing/)
  for (const scheme of ['light', 'dark']) {
    await Ada.page.emulateMedia({ colorScheme: scheme })
    await Ada.picture(`${out}/page-${scheme}.png`)
  }
  await Ada.page.emulateMedia({ colorScheme: 'light' })
  await Bob.page.getByTestId('text').fill('')
})

step('it works on a phone, 360 pixels wide', async () => {
  const { Bob } = people
  const viewport = { width: 360, height: 740 }
  const paula = await open('Paula', { viewport, isMobile: true, hasTouch: true, deviceScaleFactor: 2 })
  await paula.picture(`${out}/page-phone-door.png`)
  await paula.enter()
  await paula.goFromPhone('terrace')
  const { page } = paula
  const fits = async what => {
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth)
    assert.ok(width <= 360, `${what} is ${width} pixels wide`)
  }
  for (const text of ['I am on my way!', 'LongWord'.repeat(40)]) {
    await page.getByTestId('text').fill(text)
    await page.getByTestId('send').tap()
    await Bob.sees('Paula', text)
    await fits('the conversation')
    // No finger hovers over a message to learn its time.
    await paula.until('all times can be read', () =>
      [...document.querySelectorAll('[data-testid=log] time')].every(time => getComputedStyle(time).opacity === '1'))
    if (!text.startsWith('Long')) await paula.picture(`${out}/page-phone.png`)
  }
  await paula.openDrawer('Rooms', 'rooms-side')
  await fits('the list of rooms')
  await paula.picture(`${out}/page-phone-rooms.png`)
  await page.keyboard.press('Escape')
  await paula.goFromPhone('kitchen')
  await paula.openDrawer('People here', 'people-side')
  await paula.row('person', 'Paula').waitFor()
  await fits('the list of people')
  await page.close()
  delete people.Paula
  await Bob.reads('notice', /Paula.*left/)
  for (const one of [people.Ada, Bob]) {
    await one.leave()
    await one.choose('lobby')
  }
})

step('when the server is killed and started again, all come back by themselves', async () => {
  const { Ada, Bob, Cleo, Dora } = people
  const here = [Ada, Bob, Cleo, Dora]
  await host.kill()
  for (const one of here) {
    await one.stateIs('waiting', 'connecting')
    await one.reads('banner', /./)
    await one.page.getByTestId('banner').waitFor({ state: 'visible' })
  }
  // What is being written stays.
  await Ada.page.getByTestId('text').fill('Still here?')
  await Ada.page.getByTestId('text').press('Enter')
  await Ada.picture(`${out}/page-reconnecting.png`)
  await host.start()
  for (const one of here) {
    await one.stateIs('open')
    await one.page.getByTestId('banner').waitFor({ state: 'hidden' })
  }
  for (const [one, room] of [[Ada, 'lobby'], [Bob, 'lobby'], [Cleo, 'library'], [Dora, 'lobby']]) await one.isIn(room)
  await Ada.counts('room', 'lobby', 'count', 2)
  assert.equal(await Ada.page.getByTestId('text').inputValue(), 'Still here?')
  await Ada.page.getByTestId('text').press('Enter')
  await Bob.sees('Ada', 'Still here?')
  await Bob.say('As if nothing had happened.')
  await Ada.sees('Bob', 'As if nothing had happened.')
  await nobodyElseHeard('As if nothing had happened.')
  const messages = await Ada.messages()
  assert.equal(messages.filter(message => message === 'Ada: Still here?').length, 1, 'sent once, shown once')
  assert.equal(messages[0], 'Ada: Good evening! Is this seat taken?', 'what was said before is still shown')
  await Ada.whisper('Bob', 'You still hear me alone?')
  await Bob.counts('direct', 'Ada', 'unread', 1)
})

step('while the server is away a page tries again later and later, and is back when the server is', async () => {
  const other = new Host(command)
  await other.start()
  const frida = await Person.open(browser, other.url, 'Frida')
  try {
    await frida.enter()
    await other.kill()
    await frida.stateIs('waiting')
    await frida.reads('banner', /Next try in \d+ s/)
    await frida.attempt(5)
    // Each delay is random between half of and the whole of a doubled one: two that follow may be nearly the same.
    const gaps = frida.attempts.slice(1, 5).map((at, index, all) => at - all[index - 1]).slice(1)
    for (const [index, gap] of gaps.slice(1).entries()) {
      assert.ok(gap > gaps[index] * 0.9, `milliseconds between the attempts: ${gaps}`)
    }
    assert.ok(gaps.at(-1) > gaps[0] * 1.5, `milliseconds between the attempts: ${gaps}`)
    await other.start()
    await frida.stateIs('open')
    await frida.isIn('lobby')
    await frida.page.getByTestId('banner').waitFor({ state: 'hidden' })
  } finally {
    await frida.page.close()
    other.stop()
  }
})

const ELSEWHERE = 'https://elsewhere.example'
const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
const POLLING = 'socket.io/?EIO=4&transport=polling'

/** The status of the answer to a GET. */
function status(path, headers) {
  return new Promise((resolve, reject) => {
    const request = get(host.url + path, { headers, agent: false })
    request.on('response', answer => resolve(answer.resume().statusCode))
    request.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve(answer.statusCode)
    })
    request.on('error', reject)
  })
}

step('pages of other origins are refused with 403, by WebSocket and by polling', async () => {
  const own = new URL(host.url).origin
  const doors = [['chat?name=Eve', UPGRADE, 101], ['garden?name=Eve', UPGRADE, 101],
    ['socket.io/?EIO=4&transport=websocket', UPGRADE, 101], [POLLING, {}, 200]]
  for (const [path, headers, welcome] of doors) {
    for (const origin of [ELSEWHERE, 'http://127.0.0.1:1', 'null']) {
      assert.equal(await status(path, { ...headers, origin }), 403, `${path} from ${origin}`)
    }
    assert.equal(await status(path, { ...headers, origin: own }), welcome, `${path} from its own origin`)
    assert.equal(await status(path, headers), welcome, `${path} from a program`)
  }

  // The same in a browser: a page of somebody else's, on the same machine.
  const site = createServer((request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'))
  await new Promise(resolve => site.listen(0, '127.0.0.1', resolve))
  const page = await browser.newPage()
  try {
    await page.goto(`http://127.0.0.1:${site.address().port}/`)
    const complaint = page.waitForEvent('console', message => message.text().includes('WebSocket'))
    const tried = await page.evaluate(async ([socket, polling]) => ({
      socket: await new Promise(resolve => {
        const tried = new WebSocket(socket)
        tried.onopen = () => resolve('open')
        tried.onclose = () => resolve('refused')
      }),
      polling: await fetch(polling).then(() => 'read', () => 'refused'),
    }), [`${host.url.replace('http', 'ws')}chat?name=Eve`, host.url + POLLING])
    assert.deepEqual(tried, { socket: 'refused', polling: 'refused' })
    assert.match((await complaint).text(), /\b403\b/)
  } finally {
    await page.close()
    site.close()
  }
})

step('the page asks its own server for everything, and forbids itself the rest', async () => {
  const { host: own } = new URL(host.url)
  for (const { name, requests, headers } of everybody) {
    const asked = requests.map(address => new URL(address)).filter(({ protocol }) => protocol !== 'data:')
    assert.deepEqual(asked.filter(({ host }) => host !== own).map(String), [], `what ${name}'s page loaded from elsewhere`)
    for (const scheme of ['http:', 'ws:']) {
      assert.ok(asked.some(({ protocol }) => protocol === scheme), `${name}'s ${scheme} requests were seen`)
    }
    const policy = headers['content-security-policy']
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /connect-src 'self'/)
    assert.doesNotMatch(policy, /\*|https?:|wss?:|unsafe-eval/, 'no other host, no evaluated code')
    assert.equal(headers['x-content-type-options'], 'nosniff')
  }
})

step('no browser complained', async () => {
  // While the server was away, the attempts to reach it failed.
  const expected = /WebSocket connection to .* failed/
  for (const { name, errors } of Object.values(people)) {
    assert.deepEqual(errors.filter(error => !expected.test(error)), [], `errors in ${name}'s browser`)
  }
})
