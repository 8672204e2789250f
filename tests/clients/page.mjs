// npm's `socket.io-client` in Debian's Chromium, without a window, in a page that comes from another port: the browser
// lets the page talk to the server because the server's list of origins names it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'
import { example, open, ways } from './client.mjs'

const script = await readFile(new URL('node_modules/socket.io-client/dist/socket.io.min.js', import.meta.url))
const pages = createServer((request, response) => {
  const isScript = request.url === '/socket.io.min.js'
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  response.end(isScript ? script : '<!DOCTYPE html><title>A page</title><script src="/socket.io.min.js"></script>')
})
let host, browser, origin

before(async () => {
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  origin = `http://127.0.0.1:${pages.address().port}`
  host = example('socketio', '--origin', origin)
  await host.start()
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
})
after(async () => {
  await browser?.close()
  pages.close()
  host?.stop()
})

async function visit(url = origin) {
  const page = await browser.newPage()
  await page.goto(url)
  return page
}

for (const [way, options] of Object.entries(ways)) {
  test(`a page chats, ${way}`, { timeout: 60_000 }, async () => {
    const page = await visit()
    const Bob = open(`${host.url}guarded`, { auth: { token: 'sesame' } })
    await Bob.heard.next('connect')
    // In the page; what it answers comes back to here.
    const talked = page.evaluate(async ({ url, options }) => {
      const socket = io(`${url}guarded`, { ...options, auth: { token: 'sesame' } })
      const said = new Promise(resolve => socket.once('said', (text, bytes) => resolve([text, [...new Uint8Array(bytes)]])))
      await new Promise((resolve, reject) => (socket.once('connect', resolve), socket.once('connect_error', reject)))
      if (!options.transports && socket.io.engine.transport.name === 'polling') {
        await new Promise(resolve => socket.io.engine.once('upgrade', resolve))
      }
      socket.emit('say', 'from the page', { bytes: new Uint8Array([1, 2, 254, 255]) }, new Uint8Array(70_000).buffer)
      const heard = await said
      const echo = await socket.timeout(5_000).emitWithAck('echo', { bytes: new Uint8Array([7, 8, 9]) })
      const transport = socket.io.engine.transport.name
      const left = new Promise(resolve => socket.once('disconnect', resolve))
      socket.emit('kick')
      return { heard, echo: [...new Uint8Array(echo.bytes)], transport, reason: await left }
    }, { url: host.url, options })
    const said = Bob.heard.next('said')
    const first = await Promise.race([said, talked])
    assert.deepEqual(first, ['from the page', { bytes: Buffer.from([1, 2, 254, 255]) }, Buffer.alloc(70_000)])
    Bob.emit('say', 'Grüße', Buffer.from([0, 127, 128, 255]))
    assert.deepEqual(await talked, {
      heard: ['Grüße', [0, 127, 128, 255]],
      echo: [7, 8, 9],
      transport: way === 'polling' ? 'polling' : 'websocket',
      reason: 'io server disconnect',
    })
    await page.close()
  })

  test(`a page from elsewhere is kept out, ${way}`, { timeout: 60_000 }, async () => {
    const page = await visit(origin.replace('127.0.0.1', 'localhost'))
    const error = await page.evaluate(({ url, options }) => new Promise(resolve => {
      const socket = io(url, { ...options, reconnection: false })
      socket.once('connect', () => resolve('it is in'))
      socket.once('connect_error', error => resolve(error.message))
    }), { url: host.url, options })
    assert.equal(error, way === 'websocket' ? 'websocket error' : 'xhr poll error')
    await page.close()
  })
}
