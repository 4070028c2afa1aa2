/* What stands in a cell, for comparing: without blanks around it and the apostrophe that tells a spreadsheet to leave it alone. */
#pragma once

#include "sheet/sheet.h"

struct text import_text(const struct sheet_cell *cell);
