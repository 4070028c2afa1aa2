// A small server on fastify and pg that does what Juxin does for one record and for a page: token, rights in memory, the
// same statements under row-level security, the epochs compared, JSON by a schema. As many processes as Juxin has workers.
import cluster from 'node:cluster'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fastify from 'fastify'
import pg from 'pg'

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const text = { type: ['string', 'null'] }
const number = { type: ['number', 'null'] }
const members = [
  'id', 'version', 'state', 'state_since', 'due_at', 'number', 'unit_id', 'unit_name', 'origin_unit_id', 'created_at',
  'created_by', 'updated_at', 'updated_by', 'title', 'content', 'topic', 'contact_name', 'contact_phone', 'disclose',
  'lead_department', 'co_departments', 'working_days', 'more_days', 'co_opinion', 'supervised',
  'office', 'answer', 'answered_on', 'answered_on_time', 'outcome',
  'outcome_reason', 'evidence', 'reason', 'similar_to']
const numbers = new Set(['version', 'working_days', 'more_days'])
const flags = new Set(['disclose', 'supervised', 'answered_on_time'])
const record = {
  type: 'object',
  properties: Object.fromEntries(members.map((m) =>
    [m, numbers.has(m) ? number : flags.has(m) ? { type: ['boolean', 'null'] } : text]))
}
const page = { type: 'object', properties: { items: { type: 'array', items: record }, next: text } }

// Moments as PostgreSQL writes them become RFC 3339; nothing else is parsed.
const types = {
  getTypeParser: (oid) => oid === 1184 ? (v) => v.replace(' ', 'T').replace('+00', 'Z') : oid === 16 ? (v) => v === 't'
    : oid === 20 ? Number : (v) => v
}

// What a worker knows of the tenant between two requests: tree in preorder, tokens, grants.
async function loadTenant (pool, slug) {
  const { rows: [{ id }] } = await pool.query('SELECT id FROM juxin.tenant WHERE slug = $1', [slug])
  const db = await pool.connect()
  await db.query('BEGIN READ ONLY')
  await db.query('SELECT juxin.enter($1)', [id])
  const read = async (sql) => (await db.query(sql, [id])).rows
  const t = { id, units: new Map(), codes: new Map(), tokens: new Map(), grants: new Map() }
  const children = new Map()
  let root
  for (const u of await read('SELECT id, parent_id, code, name FROM juxin.unit WHERE tenant_id = $1 ORDER BY code')) {
    t.units.set(u.id, u)
    t.codes.set(u.code, u)
    if (!u.parent_id) root = u
    else children.set(u.parent_id, [...(children.get(u.parent_id) ?? []), u])
  }
  let at = 0
  const place = (u) => { u.at = at++; for (const c of children.get(u.id) ?? []) place(c); u.end = at }
  place(root)
  for (const k of await read('SELECT token_hash, account_id FROM juxin.api_token WHERE tenant_id = $1 AND revoked_at IS NULL')) {
    t.tokens.set(k.token_hash, k.account_id)
  }
  for (const g of await read("SELECT g.account_id, g.unit_id FROM juxin.access_grant g JOIN juxin.role_permission p ON" +
      " p.tenant_id = g.tenant_id AND p.role_id = g.role_id AND p.permission = 'suggestions.suggestion.read'" +
      ' WHERE g.tenant_id = $1')) {
    const u = t.units.get(g.unit_id)
    t.grants.set(g.account_id, [...(t.grants.get(g.account_id) ?? []), [u.at, u.end]])
  }
  const [epoch] = await read('SELECT (SELECT n FROM juxin.epoch WHERE tenant_id = $1) t, (SELECT n FROM juxin.deployment_epoch) d')
  t.epoch = `${epoch.t}/${epoch.d}`
  await db.query('COMMIT')
  db.release()
  return t
}

function may (t, account, unit) {
  return (t.grants.get(account) ?? []).some(([at, end]) => unit.at >= at && unit.at < end)
}

// One unit of work: the statements as the server sends them, each under its name; the rows of the first of the records.
async function work (pool, statements, values) {
  const db = await pool.connect()
  let found, epochs
  try {
    for (const s of statements) {
      const isEpochs = s.sql.includes('deployment_epoch') // its two columns have one name
      const { rows } = await db.query({
        name: s.name, text: s.sql, types, rowMode: isEpochs ? 'array' : undefined,
        values: s.values.map((v) => v && v.$ ? values[v.$] : v)
      })
      if (s.sql.includes('px_suggestions')) found ??= rows
      else if (isEpochs) epochs = rows[0]
    }
  } catch (error) {
    await db.query('ROLLBACK')
    throw error
  } finally {
    db.release()
  }
  return { rows: found, epoch: epochs.join('/') }
}

function answer (t, row) {
  row.unit_name = t.units.get(row.unit_id)?.name
  return row
}

async function serve () {
  const pool = new pg.Pool({ host: config.host, user: config.user, database: config.database, max: 8 })
  const app = fastify()
  const tenants = new Map()

  app.addHook('onRequest', async (request, reply) => {
    const slug = request.params.tenant
    if (!tenants.has(slug)) tenants.set(slug, await loadTenant(pool, slug))
    const t = tenants.get(slug)
    const bearer = (request.headers.authorization ?? '').slice(7)
    request.tenant = t
    request.account = t.tokens.get(createHash('sha256').update(bearer).digest('hex'))
    if (!request.account) return reply.code(401).send({ code: 'unauthenticated' })
  })
  const decide = async (request, reply, run) => {
    const result = await run(request.tenant)
    if (result.epoch === request.tenant.epoch) return result.rows
    tenants.delete(request.params.tenant)
    reply.code(503)
    throw new Error('the rights have changed')
  }
  app.get('/t/:tenant/api/v1/suggestions/suggestion', { schema: { response: { 200: page } } }, async (request, reply) => {
    const t = request.tenant
    const unit = t.codes.get(request.query.unit)
    if (!unit || !may(t, request.account, unit)) return reply.code(404).send({ code: 'not_found' })
    const rows = await decide(request, reply, () => work(pool, config.statements.list, { unit: unit.id }))
    const items = rows.slice(0, 20).map((row) => answer(t, row))
    return { items, next: rows.length > 20 ? Buffer.from(items[19].id).toString('base64url') : null }
  })
  app.get('/t/:tenant/api/v1/suggestions/suggestion/:id', { schema: { response: { 200: record } } }, async (request, reply) => {
    const t = request.tenant
    const [row] = await decide(request, reply, () => work(pool, config.statements.one, { id: request.params.id }))
    if (!row || !may(t, request.account, t.units.get(row.unit_id))) return reply.code(404).send({ code: 'not_found' })
    reply.header('ETag', `"${row.version}"`)
    return answer(t, row)
  })
  await app.listen({ host: '127.0.0.1', port: config.port })
}

if (cluster.isPrimary) {
  for (let i = 0; i < config.processes; i++) cluster.fork()
  process.on('SIGTERM', () => process.exit(0))
} else {
  await serve()
}
