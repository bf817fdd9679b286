/* Can a row's vector tell whether its gold score is high? Two passes: the first finds the mean of the high and of the low training
 * rows, the second counts the test rows that lie nearer to the mean of their own side. A study asks for it under [[probe]]. */
#include "isoscope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Read by hosts without running any code of this file. */
ISO_MANIFEST_SECTION static const char manifest[] =
    "{\"schema\":1,\"id\":\"org.example.my_plugin\",\"version\":\"0.1.0\",\"abi\":{\"major\":1,\"min_minor\":0},"
    "\"ops\":[{\"id\":\"my_plugin\",\"kind\":\"probe\",\"version\":1,\"needs\":\"rows\",\"columns\":[\"split\",\"gold\"],"
    "\"doc\":\"Share of the test rows that lie nearer to the mean of the training rows on their side of the gold threshold.\","
    "\"outputs\":[{\"id\":\"my_plugin\",\"shape\":\"scalar\",\"range\":\"[0, 1]\",\"better\":\"higher\",\"invariant\":[]}],"
    "\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}}]}";

/* Gold scores above this are high. */
#define THRESHOLD 2.5

struct iso_op {
  uint64_t cols;
};
/* What is saved of a run: rows by side, rows on the right side, and a sum of rows for each side. The first pass sees training rows,
 * the second test rows. */
typedef struct counts {
  uint64_t rows[2], right;
  double sums[];
} counts;
struct iso_run {
  uint64_t cols, size;
  double *means; /* of the low and of the high training rows; NULL in the first pass */
  counts *counts;
};

static iso_bytes bytes(const char *text) {
  iso_bytes result = {(const uint8_t *)text, strlen(text)};
  return result;
}

static iso_status fail(iso_err *err, iso_status status, const char *text) {
  err->len = (uint32_t)strlen(text);
  memcpy(err->msg, text, err->len);
  return status;
}

/* Reports the value, or why there is none. */
static iso_status report(const iso_out *out, double value, const char *reason, uint64_t n, iso_err *err) {
  iso_row row = {0};
  row.struct_size = sizeof row;
  row.metric = bytes("my_plugin");
  row.status = bytes(reason);
  row.value = value;
  row.std_err = NAN;
  row.n = n;
  return out->row(out->ctx, &row) == 0 ? ISO_OK : fail(err, ISO_FAILED, "the row was refused");
}

static iso_status op_open(const iso_host *host, const iso_input *input, iso_bytes params, iso_op **out, iso_err *err) {
  (void)host;
  if (params.len > 0 && !(params.len == 2 && memcmp(params.ptr, "{}", 2) == 0))
    return fail(err, ISO_INVALID, "this op takes no parameters");
  if ((*out = malloc(sizeof **out)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  (*out)->cols = input->cols[0];
  return ISO_OK;
}

static void op_close(iso_op *op) { free(op); }

static void run_end(iso_run *run) {
  if (run != NULL) {
    free(run->means);
    free(run->counts);
  }
  free(run);
}

static iso_status op_begin(const iso_op *op, iso_bytes model, uint32_t pass, iso_run **out, iso_err *err) {
  (void)pass;
  uint64_t sums = 2 * op->cols * sizeof(double);
  if (model.len != 0 && model.len != sums) return fail(err, ISO_INVALID, "the model has another width");
  iso_run *run = calloc(1, sizeof *run);
  if (run == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  run->cols = op->cols;
  run->size = sizeof(counts) + sums;
  run->counts = calloc(1, run->size);
  if (model.len > 0) run->means = malloc(sums);
  if (run->counts == NULL || (model.len > 0 && run->means == NULL)) {
    run_end(run);
    return fail(err, ISO_RESOURCE, "out of memory");
  }
  if (model.len > 0) memcpy(run->means, model.ptr, sums);
  *out = run;
  return ISO_OK;
}

static const iso_column *find(const iso_batch *batch, const char *name) {
  for (uint32_t i = 0; i < batch->n_columns; i++) {
    const iso_column *column = &batch->columns[i];
    if (column->name.len == strlen(name) && memcmp(column->name.ptr, name, column->name.len) == 0) return column;
  }
  return NULL;
}

/* Tells whether the text of a row is `text`. */
static int says(const iso_column *column, uint64_t row, const char *text) {
  if (column->validity != NULL && !(column->validity[row / 8] >> (row % 8) & 1)) return 0;
  int32_t from = column->offsets[row], len = column->offsets[row + 1] - from;
  return (size_t)len == strlen(text) && memcmp((const char *)column->values + from, text, (size_t)len) == 0;
}

static double distance(const double *a, const double *b, uint64_t cols) {
  double sum = 0;
  for (uint64_t j = 0; j < cols; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

static iso_status run_update(iso_run *run, const iso_batch *batch, iso_err *err) {
  const iso_column *gold = find(batch, "gold"), *split = find(batch, "split");
  if (gold == NULL || gold->type != ISO_COL_F64) return fail(err, ISO_INVALID, "the rows have no gold scores");
  if (split == NULL || split->type != ISO_COL_UTF8) return fail(err, ISO_INVALID, "the rows are not split in two parts");
  for (uint64_t i = 0; i < batch->rows; i++) {
    if (!says(split, i, run->means == NULL ? "train" : "test")) continue;
    if (gold->validity != NULL && !(gold->validity[i / 8] >> (i % 8) & 1)) continue;
    const double *row = (const double *)batch->views[0].data + (int64_t)i * batch->views[0].row_stride;
    int side = ((const double *)gold->values)[i] > THRESHOLD;
    run->counts->rows[side]++;
    if (run->means == NULL) {
      for (uint64_t j = 0; j < run->cols; j++) run->counts->sums[(uint64_t)side * run->cols + j] += row[j];
    } else {
      double low = distance(row, run->means, run->cols), high = distance(row, run->means + run->cols, run->cols);
      run->counts->right += (high < low) == side;
    }
  }
  return ISO_OK;
}

static iso_status run_save(const iso_run *run, iso_sink state, iso_err *err) {
  int32_t refused = state.write(state.ctx, (const uint8_t *)run->counts, run->size);
  return refused == 0 ? ISO_OK : fail(err, ISO_RESOURCE, "the state could not be written");
}

static iso_status run_merge(iso_run *run, iso_bytes state, iso_err *err) {
  if (state.len != run->size) return fail(err, ISO_INVALID, "the state has another size");
  counts *other = malloc(run->size); /* the bytes need not be aligned */
  if (other == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  memcpy(other, state.ptr, run->size);
  for (int side = 0; side < 2; side++) run->counts->rows[side] += other->rows[side];
  run->counts->right += other->right;
  for (uint64_t j = 0; j < 2 * run->cols; j++) run->counts->sums[j] += other->sums[j];
  free(other);
  return ISO_OK;
}

static iso_status run_finish(iso_run *run, const iso_out *out, iso_sink model, uint32_t *again, iso_err *err) {
  counts *counts = run->counts;
  uint64_t rows = counts->rows[0] + counts->rows[1];
  *again = 0;
  if (run->means != NULL && rows == 0) return report(out, 0, "there are no test rows with a gold score", 0, err);
  if (run->means != NULL) return report(out, (double)counts->right / (double)rows, "", rows, err);
  if (counts->rows[0] == 0 || counts->rows[1] == 0)
    return report(out, 0, "all training rows lie on one side of the threshold", rows, err);
  for (uint64_t j = 0; j < 2 * run->cols; j++) counts->sums[j] /= (double)counts->rows[j / run->cols];
  *again = 1;
  int32_t refused = model.write(model.ctx, (const uint8_t *)counts->sums, 2 * run->cols * sizeof(double));
  return refused == 0 ? ISO_OK : fail(err, ISO_RESOURCE, "the model could not be written");
}

static const iso_op_vtable table = {
    .struct_size = sizeof(iso_op_vtable),
    .id = {(const uint8_t *)"my_plugin", sizeof "my_plugin" - 1},
    .open = op_open,
    .close = op_close,
    .begin = op_begin,
    .end = run_end,
    .update = run_update,
    .save = run_save,
    .merge = run_merge,
    .finish = run_finish,
};
static const iso_op_vtable *const tables[] = {&table};
static const iso_plugin plugin = {
    .struct_size = sizeof(iso_plugin),
    .abi_major = ISO_ABI_MAJOR,
    .manifest = {(const uint8_t *)manifest, sizeof manifest - 1},
    .ops = tables,
    .n_ops = 1,
};

const iso_plugin *isoscope_plugin_entry_v1(void) { return &plugin; }
