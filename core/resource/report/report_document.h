/* A report as a file to hand in: title, period, unit, a table of indicators with number, unit of measure and definition, who
 * checked and signed it, its version. */
#pragma once

#include "resource/report/report.h"

enum report_format { REPORT_XLSX, REPORT_DOCX };

struct report_document {
    const struct report *report;
    const struct report_number *numbers;
    uint32_t count;
    enum report_format format;
    bool is_english;
};
/* The whole file, appended; 0 or -errno. In a fiber. */
MUSTCHECK int report_document(struct call *c, const struct report_document *d, struct buf *out);
/* "季报 上城区 2026-Q3.docx" */
const char *report_document_name(struct arena *a, const struct report_document *d);
