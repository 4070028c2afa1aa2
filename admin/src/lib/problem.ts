// What to tell the user when something was refused, and which field it concerns.
import { Problem } from '@/api/client'
import { i18n } from '@/i18n'

export function saidBy(error: unknown): string {
  const { t } = i18n.global
  if (error instanceof Problem) {
    const reference = error.status >= 500 && error.document.instance ? t('problem.reference', { id: error.document.instance }) : ''
    return (error.message || t('problem.unknown')) + reference
  }
  if (error instanceof TypeError) return t('problem.offline')
  return t('problem.unknown')
}

// JSON Pointers to field names: {"/title": …} → title. What belongs to no field comes back under "".
export function byField(error: unknown, known: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {}
  if (!(error instanceof Problem)) return result
  for (const one of error.errors) {
    const name = decodeURIComponent((one.pointer ?? '').replace(/^#?\//, '').split('/')[0] ?? '')
    const key = known.includes(name) ? name : ''
    result[key] = result[key] ? `${result[key]} ${one.detail}` : one.detail
  }
  return result
}
