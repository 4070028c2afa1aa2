/* What the readers share: what is wrong with files, rows in the making. */
#include "sheet/parts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

static const struct sheet_fault wrongs[] = {
    [WRONG_KIND] = {"sheet_kind", "This is neither an XLSX nor a CSV file.", "文件既不是 XLSX 也不是 CSV。",
        0},
    [WRONG_OLD] = {"sheet_old",
        "An old XLS file, or one with a password. Save it as XLSX without a password.",
        "旧版 XLS 文件或带密码的文件，请另存为不带密码的 XLSX。", 0},
    [WRONG_DAMAGED] = {"sheet_damaged",
        "The file is damaged or not complete. Save it once more and send it again.",
        "文件已损坏或不完整，请重新保存后再上传。", 0},
    [WRONG_MACROS] = {"sheet_macros", "The file holds macros. Save it as XLSX without macros.",
        "文件含宏，请另存为不含宏的 XLSX。", 0},
    [WRONG_EXTERNAL] = {"sheet_external",
        "The file refers to other files or data sources. Break the links (paste values) and save it again.",
        "文件引用了其他文件或外部数据，请断开链接（粘贴为数值）后重新保存。", 0},
    [WRONG_DOCTYPE] = {"sheet_doctype",
        "The file defines document types or entities, which no spreadsheet program writes.",
        "文件含文档类型或实体定义，不是电子表格软件生成的文件。", 0},
    [WRONG_EXPANDS] = {"sheet_expands", "The file expands to more than is read here. Split it into several.",
        "文件展开后过大，请拆分为多个文件。", 0},
    [WRONG_SHARED] = {"sheet_texts",
        "The file holds too much text. Split it into several, or save it as CSV.",
        "文件中的文本过多，请拆分为多个文件或另存为 CSV。", 0},
    [WRONG_COLUMNS] = {"sheet_columns", "A row has more than 16384 columns.", "某一行超过 16384 列。", 0},
    [WRONG_ORDER] = {"sheet_order", "Rows or cells are not in order: the file is damaged.",
        "行或单元格的次序错乱，文件已损坏。", 0},
    [WRONG_ROWS] = {"sheet_rows", "The file has more rows than are read at once. Split it into several.",
        "文件行数超过一次可读的上限，请拆分为多个文件。", 0},
    [WRONG_CELL] = {"sheet_cell", "A cell holds too much text.", "某个单元格的内容过长。", 0},
    [WRONG_ENCODING] = {"sheet_encoding",
        "The file is neither UTF-8 nor GB 18030 throughout. Save it as CSV UTF-8.",
        "文件编码既非 UTF-8 也非 GB 18030，请另存为“CSV UTF-8”。", 0},
    [WRONG_QUOTE] = {"sheet_quote", "A quotation mark is opened and not closed again.", "引号没有成对出现。",
        0},
    [WRONG_NOTHING] = {"sheet_empty", "There is nothing in the first sheet.", "第一个工作表没有内容。", 0},
};

int sheet_wrong(struct sheet_fault *fault, enum sheet_wrong what, uint32_t row)
{
    *fault = wrongs[what];
    fault->row = row;
    return -EINVAL;
}

/* ---- rows ---- */

void row_clear(struct row_build *b)
{
    buf_clear(&b->bytes);
    b->count = 0;
}

void row_cell(struct row_build *b, uint32_t column, enum sheet_kind kind, size_t at)
{
    if (column >= b->capacity) {
        b->capacity = MAX(column + 1, b->capacity * 2);
        b->cell = mem_resize(b->cell, b->capacity, sizeof(*b->cell));
        b->out = mem_resize(b->out, b->capacity, sizeof(*b->out));
    }
    while (b->count < column)
        b->cell[b->count++] = (struct row_cell){SHEET_EMPTY, 0, 0};
    b->cell[b->count++] = (struct row_cell){kind, at, b->bytes.len - at};
}

bool row_give(struct row_build *b, uint32_t number, struct sheet_row *ret)
{
    bool any = false;

    for (uint32_t i = 0; i < b->count; i++) {
        const struct row_cell *c = &b->cell[i];
        bool is_empty = c->kind == SHEET_EMPTY || c->len == 0;

        any |= !is_empty;
        b->out[i] = (struct sheet_cell){
            is_empty ? SHEET_EMPTY : c->kind, {buf_str(&b->bytes) + c->at, is_empty ? 0 : c->len}};
    }
    *ret = (struct sheet_row){number, b->count, b->out};
    return any;
}

void row_done(struct row_build *b)
{
    buf_done(&b->bytes);
    free(b->cell);
    free(b->out);
}
