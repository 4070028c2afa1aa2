// Which buttons make sense. The server decides; this only spares people buttons that would be refused.
import type { RecordItem, Resource, Transition } from '@/api/types'
import { session } from './session'

export function mayEdit(resource: Resource, record: RecordItem): boolean {
  if (resource.may.update) return true
  const isNew = resource.states.find((state) => state.name === record.state)?.initial ?? false
  return resource.submitter_may_update === true && isNew && record.created_by === session.who?.account
}

// The one button that stands out: the first that carries the record on, rather than away (a move, or an end straight
// from the beginning).
export function mainTransition(resource: Resource, legal: Transition[]): string {
  const initial = resource.states.find((state) => state.initial)?.name ?? ''
  const isFinal = (name: string) => resource.states.find((state) => state.name === name)?.final ?? false
  return legal.find((one) => one.to && !one.move && !(one.from.includes(initial) && isFinal(one.to)))?.name ?? ''
}
