// Starts the standalone example, kills it, and starts it again at the same address.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export class Host {
  #command
  #process
  /** Where the page is, once `start` has ended. */
  url

  constructor(command) {
    this.#command = command
  }

  /** Resolves when the program has printed its address. After `kill` it takes the address that it had. */
  async start() {
    const listen = this.url ? new URL(this.url).host : '127.0.0.1:0'
    const [program, ...rest] = [...this.#command, '--listen', listen]
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    this.url = await new Promise((resolve, reject) => {
      let printed = ''
      child.stdout.setEncoding('utf8').on('data', piece => {
        printed += piece
        const address = printed.match(/http:\/\/\S+:\d+\/(?=\s)/)
        if (address) resolve(address[0])
      })
      child.on('error', reject)
      child.on('exit', status => reject(new Error(`${program} ended with ${status} before it gave its address`)))
      AbortSignal.timeout(10_000).onabort = () => reject(new Error(`${program} gave no address within 10 s`))
    })
  }

  /** SIGKILL: no goodbye to anybody. Fails if the program has ended by itself. */
  async kill() {
    const child = this.#process
    if (child.exitCode !== null) throw new Error(`the server had ended by itself with ${child.exitCode}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  stop() {
    this.#process?.kill('SIGKILL')
  }
}
