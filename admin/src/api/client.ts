// The one way to the server: JSON over fetch, with the CSRF token, idempotency keys and problem documents.
import type { Department, HistoryItem, Json, LegalTransition, Meta, Page, ProblemDocument, ProblemError, RecordItem, Session, Unit } from './types'

export class Problem extends Error {
  constructor(readonly status: number, readonly document: ProblemDocument) {
    super(document.detail || document.title || String(status))
  }

  get code(): string { return this.document.code ?? '' }
  get errors(): ProblemError[] { return this.document.errors ?? [] }
}

interface Answer { status: number, body: unknown, etag: string, next: string | undefined }
interface Options { body?: unknown, etag?: string }

const csrfKey = (tenant: string) => `juxin.${tenant}.csrf`

export class Client {
  language = 'zh-CN'
  onSignedOut: () => void = () => undefined
  // A change whose fate is unknown (connection lost, 5xx) is sent again under the same key.
  private readonly pendingKeys = new Map<string, string>()

  constructor(readonly tenant: string) {}

  private get csrf(): string { return localStorage.getItem(csrfKey(this.tenant)) ?? '' }
  private set csrf(token: string) {
    if (token) localStorage.setItem(csrfKey(this.tenant), token)
    else localStorage.removeItem(csrfKey(this.tenant))
  }

  private async request(method: string, path: string, options: Options = {}): Promise<Answer> {
    const headers: Record<string, string> = { 'Accept': 'application/json', 'Accept-Language': this.language }
    const body = options.body === undefined ? undefined : JSON.stringify(options.body)
    const mark = `${method} ${path} ${options.etag ?? ''} ${body ?? ''}`
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    if (options.etag) headers['If-Match'] = options.etag
    if (method !== 'GET') {
      const key = this.pendingKeys.get(mark) ?? crypto.randomUUID()
      this.pendingKeys.set(mark, key)
      headers['X-CSRF-Token'] = this.csrf
      headers['Idempotency-Key'] = key
    }
    const response = await fetch(`/t/${encodeURIComponent(this.tenant)}/api/v1/${path}`,
      { method, headers, body: body ?? null, credentials: 'same-origin', cache: 'no-store' })
    const text = await response.text()
    if (response.status < 500) this.pendingKeys.delete(mark)
    if (!response.ok) this.refuse(response.status, text, path)
    return {
      status: response.status,
      body: text ? JSON.parse(text) as unknown : undefined,
      etag: response.headers.get('ETag') ?? '',
      next: nextCursor(response.headers.get('Link')),
    }
  }

  private refuse(status: number, text: string, path: string): never {
    let document: ProblemDocument = {}
    try { document = JSON.parse(text) as ProblemDocument } catch { /* not from the server itself */ }
    if (status === 401 && path !== 'session') this.onSignedOut()
    throw new Problem(status, document)
  }

  private async get<T>(path: string): Promise<T> { return (await this.request('GET', path)).body as T }

  async session(): Promise<Session> {
    const session = await this.get<Session>('session')
    if (session.csrf_token) this.csrf = session.csrf_token
    return session
  }
  async signIn(login: string, password: string): Promise<Session> {
    const opened = (await this.request('POST', 'session', { body: { login, password } })).body as { csrf_token: string }
    this.csrf = opened.csrf_token
    return this.session()
  }
  async signOut(): Promise<void> {
    await this.request('DELETE', 'session')
    this.csrf = ''
  }
  async changePassword(current: string, next: string): Promise<void> {
    await this.request('POST', 'account/password', { body: { old_password: current, new_password: next } })
  }

  meta(): Promise<Meta> { return this.get('meta') }
  units(parent?: string): Promise<Page<Unit>> { return this.get(`units${query({ ...(parent ? { parent } : { tops: 'true' }), limit: '1000' })}`) }
  unit(id: string): Promise<Unit> { return this.get(`units/${id}`) }
  departments(): Promise<Page<Department>> { return this.get('departments') }

  async list(resource: string, filters: Record<string, string>): Promise<Page<RecordItem>> {
    const answer = await this.request('GET', `${resource}${query(filters)}`)
    return { items: (answer.body as Page<RecordItem>).items, next: answer.next }
  }
  async record(resource: string, id: string): Promise<{ record: RecordItem, etag: string }> {
    return asRecord(await this.request('GET', `${resource}/${id}`))
  }
  async create(resource: string, values: Record<string, Json>): Promise<{ record: RecordItem, etag: string }> {
    return asRecord(await this.request('POST', resource, { body: values }))
  }
  async update(resource: string, id: string, etag: string, values: Record<string, Json>): Promise<void> {
    await this.request('PATCH', `${resource}/${id}`, { body: values, etag })
  }
  async transition(resource: string, id: string, etag: string, name: string, values: Record<string, Json>): Promise<void> {
    await this.request('POST', `${resource}/${id}/transitions/${name}`, { body: values, etag })
  }
  async transitions(resource: string, id: string): Promise<LegalTransition[]> {
    return (await this.get<Page<LegalTransition>>(`${resource}/${id}/transitions`)).items
  }
  history(resource: string, id: string): Promise<Page<HistoryItem>> { return this.get(`${resource}/${id}/history`) }
}

function asRecord(answer: Answer): { record: RecordItem, etag: string } {
  return { record: answer.body as RecordItem, etag: answer.etag }
}

export function query(values: Record<string, string>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== '')
  return pairs.length ? '?' + new URLSearchParams(pairs).toString() : ''
}

// RFC 8288: <…?cursor=…>; rel="next"
export function nextCursor(link: string | null): string | undefined {
  for (const part of (link ?? '').split(/,\s*(?=<)/)) {
    const match = /^<([^>]*)>.*rel="?next"?/.exec(part)
    if (match?.[1]) return new URL(match[1], location.origin).searchParams.get('cursor') ?? undefined
  }
  return undefined
}
