// What a form starts with, what it sends, and which fields belong into it.
import type { Field, Json, RecordItem, Resource, Transition } from '@/api/types'

export function creatable(resource: Resource): Field[] {
  return resource.fields.filter((field) => (field.set_by ?? 'user') === 'user')
}
export function editable(resource: Resource, record: RecordItem): Field[] {
  return creatable(resource).filter((field) => !field.immutable && !record.hidden?.includes(field.name))
}
export function forTransition(resource: Resource, transition: Transition): Field[] {
  const names = [...(transition.required_fields ?? []), ...(transition.fields ?? [])]
  return [...new Set(names)].flatMap((name) => resource.fields.find((field) => field.name === name) ?? [])
}

export function initial(fields: Field[]): Record<string, Json> {
  const values: Record<string, Json> = {}
  for (const field of fields) {
    if (field.default === undefined) continue
    if (field.type === 'boolean') values[field.name] = field.default === 'true'
    else values[field.name] = ['integer', 'money'].includes(field.type) ? Number(field.default) : field.default
  }
  return values
}

// Empty inputs are not sent when creating; null means "take it away" in a merge patch.
export function filled(values: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== ''))
}
export function changed(before: RecordItem, after: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) =>
    JSON.stringify(before[name] ?? null) !== JSON.stringify(value)))
}

export function focusFirstError(errors: Record<string, string>): void {
  const first = Object.keys(errors).find((name) => name !== '')
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-field="${first ?? ''}"] :is(input, textarea)`)?.focus())
}
