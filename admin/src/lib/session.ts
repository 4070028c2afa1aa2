// Who is signed in, in which district, and what may be seen there. One district per page.
import { computed, reactive, shallowReactive } from 'vue'
import { Client, Problem } from '@/api/client'
import type { Meta, Plugin, Resource, Session } from '@/api/types'
import { currentLocale } from '@/i18n'

const onForget: (() => void)[] = []
export function whenSignedOut(forget: () => void): void { onForget.push(forget) }

interface State { client: Client | null, session: Session | null, meta: Meta | null }

const state = shallowReactive<State>({ client: null, session: null, meta: null })
const lastKey = 'juxin.district'

export const session = reactive({
  who: computed(() => state.session),
  meta: computed(() => state.meta),
  district: computed(() => state.meta?.tenant.name ?? state.client?.tenant ?? ''),
})

export function lastDistrict(): string { return localStorage.getItem(lastKey) ?? '' }

export function enterDistrict(tenant: string, onSignedOut: () => void): Client {
  if (state.client?.tenant !== tenant) {
    state.client = new Client(tenant)
    state.session = null
    state.meta = null
  }
  state.client.language = currentLocale()
  state.client.onSignedOut = () => {
    state.session = null
    onSignedOut()
  }
  return state.client
}

export function api(): Client {
  if (!state.client) throw new Error('no district chosen')
  state.client.language = currentLocale()
  return state.client
}

// False when nobody is signed in.
export async function resume(): Promise<boolean> {
  if (state.session) return true
  try {
    state.session = await api().session()
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return false
    throw error
  }
  await loadMeta()
  return true
}

export async function signIn(login: string, password: string): Promise<void> {
  state.session = await api().signIn(login, password)
  localStorage.setItem(lastKey, api().tenant)
  await loadMeta()
}

export async function signOut(): Promise<void> {
  try {
    await api().signOut()
  } finally {
    state.session = null
    state.meta = null
    for (const forget of onForget) forget()
  }
}

export async function changePassword(current: string, next: string): Promise<void> {
  await api().changePassword(current, next)
  state.session = await api().session()
  await loadMeta()
}

// Whoever must change the password first is shown nothing else.
async function loadMeta(): Promise<void> {
  if (state.session && !state.session.must_change_password) state.meta = await api().meta()
}

export function visiblePlugins(): Plugin[] {
  return (state.meta?.plugins ?? []).filter((plugin) => plugin.available && plugin.resources.length > 0)
}

export function findResource(plugin: string, name: string): Resource | undefined {
  return state.meta?.plugins.find((p) => p.id === plugin)?.resources.find((r) => r.name === name)
}
