// Fields every record has besides the declared ones.
import type { Field, Json, RecordItem, Resource } from '@/api/types'
import { i18n, labelOf } from '@/i18n'

const standard: Record<string, string> = {
  number: 'text', unit_id: 'unit', origin_unit_id: 'unit', state: 'state', state_since: 'datetime', unit_name: 'text', due_at: 'due', created_at: 'datetime', updated_at: 'datetime',
  created_by: 'account', updated_by: 'account', version: 'integer',
}

export function fieldOf(resource: Resource, column: string): Field {
  const name = column === 'due' ? 'due_at' : column // declarations may say either
  const declared = resource.fields.find((field) => field.name === name)
  return declared ?? { name, type: standard[name] ?? 'unknown', label: {} }
}

export function fieldLabel(field: Field): string {
  return field.name in standard ? i18n.global.t(`field.${field.name}`) : labelOf(field.label, field.name)
}

// A masked value comes with asterisks; it is not the value and is never sent back.
export function isMasked(field: Field, value: Json | undefined): boolean {
  return field.mask !== undefined && typeof value === 'string' && value.includes('*')
}

export function isFinal(resource: Resource, state: string | undefined): boolean {
  return resource.states.find((one) => one.name === state)?.final ?? false
}

export function titleOf(resource: Resource, record: RecordItem): string {
  const first = resource.fields.find((field) => field.type === 'text' && !field.personal)
  const value = first ? record[first.name] : undefined
  return typeof value === 'string' && value ? value : String(record.number ?? record.id)
}
