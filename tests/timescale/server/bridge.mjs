// PostgreSQL's wire protocol on a loopback port, in front of PGlite with TimescaleDB: one session, many connections.
//
// usage: node bridge.mjs PACKAGE_FOLDER [without-extension]; prints one JSON line {"port": N}, ends with its stdin.
//
// PGlite has one session. Connections take turns: who has a transaction open keeps the session until it ends. Names of
// prepared statements and portals carry the number of their connection, so that two clients do not see each other's.
// Rows for COPY FROM STDIN must reach PGlite in one call, so they are held here until the client ends them.
import net from 'node:net'
import { pathToFileURL } from 'node:url'

const IDLE = 'I'.charCodeAt(0)
const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
// psycopg sends this after an ALTER TABLE, and would forget the statements of every other connection with its own.
const DEALLOCATE_ALL = /^\0?\s*deallocate\s+all\s*;?\0/i
const COPY_IN = /^\s*copy\s+((?:"(?:[^"]|"")+"|[\w.$])+)\s*(?:\(([^)]*)\))?\s*from\s+stdin\b/is
// PGlite's own default for search_path leaves `public` out.
const FRESH = `CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; SET search_path TO "$user", public;
  SELECT pg_advisory_unlock_all(); DISCARD TEMP`

const [, , folder, without] = process.argv
const load = (name) => import(pathToFileURL(`${folder}/dist/${name}`).href)
const { PGlite } = await load('index.js')
const extensions = without ? {} : { timescaledb: (await load('timescaledb/index.js')).timescaledb }
const database = await PGlite.create({ dataDir: 'memory://', extensions })
if (!without) await database.exec('CREATE EXTENSION IF NOT EXISTS timescaledb')

await database.exec(FRESH)

/** Who may talk to the one session, and who waits for it. */
class Turn {
  owner = null
  waiting = []

  async take(id) {
    while (this.owner !== null && this.owner !== id) await new Promise((resume) => this.waiting.push(resume))
    this.owner = id
  }

  give(id) {
    if (this.owner !== id) return
    this.owner = null
    this.waiting.shift()?.()
  }
}

const turn = new Turn()

/** Send whole messages to the session and answer its bytes; the turn ends when no transaction is left open. */
async function ask(id, bytes) {
  await turn.take(id)
  try {
    const answer = Buffer.from(await database.execProtocolRaw(new Uint8Array(bytes)))
    if (statusAfter(answer) === IDLE) turn.give(id)
    return answer
  } catch (error) {
    process.stderr.write(`bridge: ${error?.stack ?? error}\n`)
    process.exit(1) // the WASM instance is not to be trusted after this
  }
}

/** The transaction status in the last ReadyForQuery of an answer; nothing changes where there is none. */
function statusAfter(answer) {
  let status = null
  for (let at = 0; at + 5 <= answer.length; at += 1 + answer.readUInt32BE(at + 1)) {
    if (answer[at] === 'Z'.charCodeAt(0)) status = answer[at + 5]
  }
  return status
}

/** The CopyInResponse that a client waits for before it sends rows. */
async function copyResponse(sql) {
  const [, table, columns] = COPY_IN.exec(sql)
  const width = columns ? columns.split(',').length : await columnsOf(table)
  const format = /\bbinary\b/i.test(sql) ? 1 : 0
  const message = Buffer.alloc(8 + 2 * width)
  message.write('G')
  message.writeInt32BE(7 + 2 * width, 1)
  message[5] = format
  message.writeInt16BE(width, 6)
  for (let column = 0; column < width; column++) message.writeInt16BE(format, 8 + 2 * column)
  return message
}

async function columnsOf(table) {
  const counted = `SELECT count(*)::int AS n FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`
  return (await database.query(counted, [table])).rows[0].n // 0: no such table, which the session itself will say
}

/** A message with its statement's or portal's names made the connection's own. */
function renamed(message, id) {
  const type = String.fromCharCode(message[0])
  if (DEALLOCATE_ALL.test(message.subarray(5).toString())) return query(type, 'UNLISTEN nothing')
  const names = { P: 1, B: 2, E: 1, D: 1, C: 1 }[type]
  if (!names) return message
  let at = type === 'D' || type === 'C' ? 6 : 5
  const parts = [message.subarray(5, at)]
  for (let name = 0; name < names; name++) {
    const end = message.indexOf(0, at)
    if (end > at) parts.push(Buffer.from(`c${id}_`))
    parts.push(message.subarray(at, end + 1))
    at = end + 1
  }
  parts.push(message.subarray(at))
  return framed(type, Buffer.concat(parts))
}

/** A Query or an unnamed Parse of some SQL. */
function query(type, sql) {
  const body = Buffer.from(type === 'P' ? `\0${sql}\0\0\0` : `${sql}\0`)
  return framed(type, body)
}

/** A message of a type, with its length put before the body. */
function framed(type, body) {
  const message = Buffer.alloc(5 + body.length)
  message.write(type)
  message.writeInt32BE(4 + body.length, 1)
  body.copy(message, 5)
  return message
}

/** One client: its bytes cut into messages, handled strictly one after another. */
class Connection {
  received = Buffer.alloc(0)
  started = false
  pending = []
  rows = null
  work = Promise.resolve()

  constructor(id, socket) {
    this.id = id
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (bytes) => this.then(() => this.take(bytes)))
    socket.on('close', () => this.then(() => this.forget()))
  }

  then(step) {
    this.work = this.work.then(step).catch((error) => {
      process.stderr.write(`bridge: connection ${this.id}: ${error?.stack ?? error}\n`)
      this.socket.destroy()
    })
  }

  send(bytes) {
    if (this.socket.writable) this.socket.write(bytes)
  }

  async take(bytes) {
    this.received = this.received.length ? Buffer.concat([this.received, bytes]) : bytes
    for (;;) {
      const head = this.started ? 1 : 0
      if (this.received.length < head + 4) return
      const length = head + this.received.readInt32BE(head)
      if (this.received.length < length) return
      const message = this.received.subarray(0, length)
      this.received = this.received.subarray(length)
      await (this.started ? this.handle(message) : this.start(message))
    }
  }

  async start(message) {
    const code = message.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) return this.send('N')
    if (code === CANCEL_REQUEST) return this.socket.end()
    this.started = true
    this.send(await ask(this.id, message))
  }

  async handle(message) {
    const type = String.fromCharCode(message[0])
    if (type === 'X') return this.socket.end()
    if (this.rows) return this.copy(type, message)
    const sql = type === 'Q' ? message.subarray(5, message.length - 1).toString() : ''
    if (COPY_IN.test(sql)) {
      await turn.take(this.id)
      this.rows = [message]
      return this.send(await copyResponse(sql))
    }
    this.pending.push(renamed(message, this.id))
    if (!'QSHp'.includes(type)) return
    const all = Buffer.concat(this.pending)
    this.pending = []
    this.send(await ask(this.id, all))
  }

  async copy(type, message) {
    this.rows.push(message)
    if (type !== 'c' && type !== 'f') return
    const all = Buffer.concat(this.rows)
    this.rows = null
    const answer = await ask(this.id, all)
    const again = answer[0] === 'G'.charCodeAt(0) // the client has had this one
    this.send(again ? answer.subarray(1 + answer.readInt32BE(1)) : answer)
  }

  /** The client has gone: its transaction is rolled back, and what it set is forgotten where nobody else can mind. */
  async forget() {
    open.delete(this)
    if (turn.owner === this.id) {
      await database.exec('ROLLBACK')
      turn.give(this.id)
    }
    if (open.size === 0) {
      await turn.take(this.id)
      await database.exec(FRESH)
      turn.give(this.id)
    }
  }
}

const open = new Set()
let count = 0
const server = net.createServer((socket) => open.add(new Connection(++count, socket)))
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`))
process.stdin.on('end', () => process.exit(0)).resume()
