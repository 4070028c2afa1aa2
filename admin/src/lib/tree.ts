// Units for Element Plus' trees, asked for when a node is opened.
import type { TreeNodeData, TreeOptionProps } from 'element-plus/es/components/tree/src/tree.type'
import type { Unit } from '@/api/types'
import { api } from './session'

export interface TreeNode { level: number, data: TreeNodeData }

export async function unitsBelow(node: TreeNode): Promise<Unit[]> {
  return (await api().units(node.level === 0 ? undefined : String(node.data.id))).items
}

export function unitOptions(isDisabled: (unit: Unit) => boolean = () => false): TreeOptionProps {
  return {
    label: 'name',
    children: 'below',
    isLeaf: (data) => (data as Unit).children === 0,
    disabled: (data) => isDisabled(data as Unit),
  }
}
