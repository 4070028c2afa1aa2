// What the API answers with. Metadata comes from core/api/meta.c, the rest from core/api and the resource engine.
export type Locale = 'zh-CN' | 'en'
export type Label = Partial<Record<Locale, string>>
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

export interface Session {
  account: string
  display_name: string
  must_change_password: boolean
  csrf_token?: string
}

export interface EnumValue { value: string, label: Label, parent?: string, current?: boolean }
export interface Field {
  name: string
  type: string
  label: Label
  required?: boolean
  immutable?: boolean
  set_by?: 'user' | 'plugin' | 'transition'
  default?: string
  min?: number
  max?: number
  max_length?: number
  pattern?: string
  values?: EnumValue[]
  reference?: string
  mask?: string
  personal?: boolean
  searchable?: boolean
  sortable?: boolean
  filterable?: boolean
  purpose?: Label
}
export interface State { name: string, label: Label, initial?: boolean, final?: boolean }
export interface Transition {
  name: string
  label: Label
  from: string[]
  goal: 'state' | 'stay' | 'back' | 'resume'
  to: string | null
  required_fields?: string[]
  fields?: string[]
  move?: 'parent' | 'unit' | 'below'
  automatic?: boolean
  may: boolean
}
/** An earlier step that a record may be sent back to; named by the version it had there. */
export interface Step { version: number, state: string, unit_name?: string | null, at: string }
export interface LegalTransition { name: string, steps?: Step[] }
export interface Resource {
  name: string
  plugin: string
  label: Label
  numbered: boolean
  levels: string[]
  fields: Field[]
  states: State[]
  transitions: Transition[]
  list: { columns: string[] }
  submitter_may_update?: boolean
  may: {
    read: boolean, create: boolean, update: boolean, delete: boolean, unmask: boolean, statistics: boolean,
    import: boolean, export: boolean
  }
}
export interface Plugin { id: string, version: string, label: Label, description?: Label, available: boolean, resources: Resource[] }
export interface Meta { tenant: { slug: string, name: string }, departments: Department[], plugins: Plugin[] }

export interface Unit {
  id: string
  parent?: string | null
  code: string
  name: string
  level: string
  children: number
  is_closed: boolean
}
export interface Department { id: string, name: string }

export interface RecordItem {
  id: string
  version?: number
  state?: string
  unit_id?: string
  unit_name?: string
  number?: string
  hidden?: string[]
  [field: string]: Json | undefined
}
export interface Page<T> { items: T[], next?: string | undefined }

export interface NamedUnit { id: string, name?: string | null }
export interface HistoryItem {
  id: string
  at: string
  action: string
  transition?: string | null
  actor?: string | null
  actor_name?: string | null
  actor_kind: string
  actor_hidden?: boolean
  unit?: NamedUnit
  from_unit?: NamedUnit
  redirected_from?: NamedUnit
  changes: Record<string, { old: Json, new: Json }>
}

export interface ProblemError { pointer?: string, code: string, detail: string }
export interface ProblemDocument { title?: string, detail?: string, code?: string, instance?: string, errors?: ProblemError[] }
