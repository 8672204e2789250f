// One person at the page: what they do and what they see. All that the tests know of the page's hooks is here.
import assert from 'node:assert/strict'

const PATIENCE_MS = 10_000

export class Person {
  /** What the browser complained about. */
  errors = []
  /** Every WebSocket message that reached this browser, shown by the page or not. */
  received = []
  /** The address of everything that the page asked for, WebSockets included. */
  requests = []
  /** When it began each of its WebSockets, in milliseconds. */
  attempts = []

  /** Opens the page as somebody new: own storage, own window. */
  static async open(browser, url, name, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
    const person = new Person()
    person.name = name
    person.page = await context.newPage()
    person.page.setDefaultTimeout(PATIENCE_MS)
    person.page.on('pageerror', error => person.errors.push(String(error)))
    person.page.on('console', message => {
      if (message.type() === 'error') person.errors.push(message.text())
    })
    const receive = frame => person.received.push(String(frame.payload))
    person.page.on('request', request => person.requests.push(request.url()))
    person.page.on('websocket', socket => {
      person.requests.push(socket.url())
      person.attempts.push(performance.now())
      socket.on('framereceived', receive)
    })
    const answer = await person.page.goto(url)
    person.headers = answer.headers()
    return person
  }

  /** Comes in, with the keyboard alone, and stands in the lobby. */
  async enter() {
    await this.page.getByRole('dialog', { name: 'Welcome' }).waitFor()
    await this.focusIsOn('name-input')
    await this.page.keyboard.type(this.name)
    await this.page.keyboard.press('Enter')
    await this.isIn('lobby')
  }

  /** By the dialog: makes the room, or joins it, or shows it. */
  async goTo(room) {
    await this.page.locator('#new-room').click()
    await this.page.getByTestId('room-input').fill(room)
    await this.page.getByTestId('room-input').press('Enter')
    await this.isIn(room)
  }

  /** As `goTo`, with fingers, where the list of rooms is a drawer. */
  async goFromPhone(room) {
    await this.openDrawer('Rooms', 'rooms-side')
    await this.page.locator('#new-room').tap()
    await this.page.getByTestId('room-input').fill(room)
    await this.page.getByTestId('room-enter').tap()
    await this.isIn(room)
  }

  /** Taps a button, and waits until the drawer that it opens lies wholly in the window. */
  async openDrawer(button, drawer) {
    await this.page.getByRole('button', { name: button, exact: true }).tap()
    await this.until(`the drawer ${drawer} is open`, drawer => {
      const { left, right } = document.getElementById(drawer).getBoundingClientRect()
      return left >= 0 && right <= innerWidth
    }, drawer)
  }

  /** By the list. */
  async choose(room) {
    await this.row('room', room).click()
    await this.isIn(room)
  }

  async leave() {
    await this.page.locator('#leave').click()
  }

  async switchTo(space) {
    await this.page.locator(`[data-testid=space][data-space=${space}]`).click()
    await this.until(`is in the ${space}`, space => document.body.dataset.space === space, space)
  }

  /** Writes where they are, and waits until the server has taken it. */
  async say(text) {
    const box = this.page.getByRole('textbox', { name: 'Message' })
    await box.fill(text)
    await box.press('Enter')
    await this.sees(this.name, text)
  }

  /** Writes in a direct conversation with somebody who is in the same room. */
  async whisper(other, text) {
    await this.row('person', other).click()
    await this.until(`writes to ${other}`,
      name => document.querySelector('[data-testid=title]').textContent === name, other)
    await this.say(text)
  }

  /** A line of one of the lists: kind is `room`, `person` or `direct`. */
  row(kind, name) {
    const attribute = kind === 'room' ? 'data-room' : 'data-person'
    return this.page.locator(`[data-testid=${kind}][${attribute}=${JSON.stringify(name)}]`)
  }

  /** The messages of the conversation that is shown, as `author: text`. */
  messages() {
    return this.page.getByTestId('message').evaluateAll(messages => messages.map(message =>
      `${message.dataset.author}: ${message.querySelector('[data-testid=message-text]').textContent}`))
  }

  /** When the messages that are shown were said: for programs as a date, and as it is written. */
  times() {
    return this.page.getByTestId('message').evaluateAll(messages => messages.map(message => {
      const time = message.querySelector('time')
      return { date: Date.parse(time.dateTime), text: time.textContent }
    }))
  }

  /** Resolves when the page has begun its WebSocket of this number, from 1. */
  async attempt(number) {
    while (this.attempts.length < number) await this.page.waitForEvent('websocket')
  }

  async isIn(room) {
    await this.until(`is in the room ${room}`, ([room, name]) =>
      document.querySelector('[data-testid=title]').textContent === `# ${room}` &&
      document.body.dataset.state === 'open' &&
      [...document.querySelectorAll('[data-testid=person]')].some(person => person.dataset.person === name),
    [room, this.name])
  }

  async sees(author, text) {
    await this.until(`sees ${author} say ${text}`, ([author, text]) =>
      [...document.querySelectorAll('[data-testid=log] [data-testid=message]')].some(message =>
        message.dataset.author === author && message.querySelector('[data-testid=message-text]').textContent === text),
    [author, text])
  }

  /** Sees the text of an element, by its test id, match. */
  async reads(id, pattern) {
    await this.until(`reads ${pattern} in ${id}`, ([id, pattern]) =>
      [...document.querySelectorAll(`[data-testid=${id}]`)].some(one => new RegExp(pattern).test(one.textContent)),
    [id, pattern.source])
  }

  /** Sees an attribute of a line of a list become this. */
  async counts(kind, name, what, number) {
    await this.until(`${what} of ${kind} ${name} is ${number}`, ([kind, name, what, number]) =>
      [...document.querySelectorAll(`[data-testid=${kind}]`)].some(row =>
        (row.dataset.room ?? row.dataset.person) === name && row.dataset[what] === String(number)),
    [kind, name, what, number])
  }

  async stateIs(...states) {
    await this.until(`connection is ${states.join(' or ')}`,
      states => states.includes(document.body.dataset.state), states)
  }

  /** Fails if any message with this text has reached the browser, whatever the page did with it. */
  hasNotHeard(text) {
    const heard = this.received.filter(message => message.includes(JSON.stringify(text).slice(1, -1)))
    assert.deepEqual(heard, [], `${this.name} was sent what was not for them`)
  }

  async focusIsOn(id) {
    await this.until(`focus is on ${id}`, id => document.activeElement?.id === id, id)
  }

  /** Waits until `condition` holds in the page; a failure tells `what`, and shows what there was instead. */
  async until(what, condition, argument) {
    try {
      await this.page.waitForFunction(condition, argument, { timeout: PATIENCE_MS })
    } catch (error) {
      const shown = await this.page.evaluate(() => document.body.innerText).catch(() => '(the page is gone)')
      const why = error.message.split('\n')[0]
      assert.fail(`${this.name}: "${what}" did not come true: ${why}\nThe page shows:\n${shown}`)
    }
  }

  picture(path) {
    return this.page.screenshot({ path })
  }
}
