// Names of units and departments behind their ids, asked for once.
import { reactive } from 'vue'
import type { Department } from '@/api/types'
import { i18n } from '@/i18n'
import { api, session, whenSignedOut } from './session'

const units = reactive(new Map<string, string>())
const departments = reactive(new Map<string, Department>())
let departmentsAsked: Promise<void> | null = null

export function unitName(id: string): string {
  const key = `${api().tenant} ${id}`
  const known = units.get(key)
  if (known !== undefined) return known
  units.set(key, '')
  void api().unit(id).then((unit) => units.set(key, unit.name), () => units.set(key, i18n.global.t('value.nameUnknown')))
  return ''
}

export function departmentName(id: string): string {
  const own = session.meta?.departments.find((one) => one.id === id)
  if (own) return own.name
  void loadDepartments()
  return departments.get(id)?.name ?? i18n.global.t('value.nameUnknown')
}

export async function loadDepartments(): Promise<Department[]> {
  departmentsAsked ??= api().departments().then(
    (page) => { for (const one of page.items) departments.set(one.id, one) },
    () => undefined)
  await departmentsAsked
  return [...departments.values()]
}

// People are named by the history of what they did; there is no list of them to ask.
const accounts = reactive(new Map<string, string>())
export function rememberAccount(id: string, name: string): void { accounts.set(id, name) }
export function accountName(id: string): string {
  if (id === session.who?.account) return session.who.display_name
  return accounts.get(id) ?? i18n.global.t('value.nameUnknown')
}

whenSignedOut(() => {
  units.clear()
  departments.clear()
  accounts.clear()
  departmentsAsked = null
})
