// Element Plus heads dialogs and drawers with <header>, which assistive technology takes for the page's banner.
import { nextTick } from 'vue'

export function plainHeaders(): void {
  void nextTick(() => {
    for (const header of document.querySelectorAll('.el-dialog__header, .el-drawer__header')) header.setAttribute('role', 'presentation')
  })
}
