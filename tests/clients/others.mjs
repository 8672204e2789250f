// Socket.IO clients that are not npm's: python-socketio (python/talk.py) and rust_socketio (rust/src/main.rs). Each has
// its own tests; here they get a server.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { example, root } from './client.mjs'

const host = example('socketio')
before(() => host.start())
after(() => host.stop())

const target = process.env.CARGO_TARGET_DIR ?? `${root}/target`
const others = {
  'python-socketio': ['python3', `${root}/tests/clients/python/talk.py`],
  rust_socketio: [`${target}/debug/rust-client`],
}

for (const [name, [program, ...args]] of Object.entries(others)) {
  test(name, { timeout: 120_000 }, async context => {
    const child = spawn(program, [...args, host.url], { stdio: ['ignore', 'pipe', 'pipe'] })
    context.after(() => child.kill())
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => printed += text)
    const [status] = await once(child, 'close')
    for (const line of printed.match(/^(ok: .*|.* \.\.\. ok)$/gm) ?? []) context.diagnostic(line)
    assert.equal(status, 0, printed)
  })
}
