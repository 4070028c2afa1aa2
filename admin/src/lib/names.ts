// Names of units and departments behind their ids, asked for once.
import { reactive } from 'vue'
import type { Department } from '@/api/types'
import { api } from './session'

const units = reactive(new Map<string, string>())
const departments = reactive(new Map<string, Department>())
let departmentsAsked: Promise<void> | null = null

export function unitName(id: string): string {
  const key = `${api().tenant} ${id}`
  const known = units.get(key)
  if (known !== undefined) return known
  units.set(key, '')
  void api().unit(id).then((unit) => units.set(key, unit.name), () => units.set(key, id.slice(0, 8)))
  return ''
}

export function departmentName(id: string): string {
  void loadDepartments()
  return departments.get(id)?.name ?? id.slice(0, 8)
}

export async function loadDepartments(): Promise<Department[]> {
  departmentsAsked ??= api().departments().then(
    (page) => { for (const one of page.items) departments.set(one.id, one) },
    () => { departmentsAsked = null })
  await departmentsAsked
  return [...departments.values()]
}

export function forgetNames(): void {
  units.clear()
  departments.clear()
  departmentsAsked = null
}
