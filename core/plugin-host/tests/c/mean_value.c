/* A plugin in plain C: the mean of all values. Macros make the variants that the tests refuse:
 * MAJOR (in the manifest), TABLE_MAJOR (in the table), OTHER_MANIFEST, TWO_MANIFESTS, NO_SYMBOL, UNDECLARED, NO_MERGE,
 * STATIC_TLS. */
#include "isoscope.h"
#include <stdlib.h>
#include <string.h>

#ifndef ID
#define ID "org.example.c-mean"
#endif
#ifndef MAJOR
#define MAJOR 1
#endif
#ifndef TABLE_MAJOR
#define TABLE_MAJOR MAJOR
#endif
#ifndef OUTPUT
#define OUTPUT "c_mean"
#endif
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define MANIFEST \
  "{\"schema\":1,\"id\":\"" ID "\",\"version\":\"1.2.3\",\"abi\":{\"major\":" TEXT(MAJOR) ",\"min_minor\":0}," \
  "\"ops\":[{\"id\":\"c_mean\",\"kind\":\"metric\",\"version\":1,\"needs\":\"rows\",\"parts\":[],\"columns\":[]," \
  "\"affine\":false,\"views\":1,\"doc\":\"\",\"formula\":\"\",\"reference\":\"\",\"outputs\":[{\"id\":\"c_mean\"," \
  "\"shape\":\"scalar\"}],\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}}]}"

ISO_MANIFEST_SECTION static const char manifest[] = MANIFEST;
#ifdef TWO_MANIFESTS
ISO_MANIFEST_SECTION static const char second_manifest[] = MANIFEST;
#endif
#ifdef OTHER_MANIFEST
static const char told_manifest[] = MANIFEST " ";
#else
#define told_manifest manifest
#endif

#ifdef STATIC_TLS
__attribute__((tls_model("initial-exec"))) static __thread volatile double scratch;
#endif

struct iso_op { uint64_t cols; };
struct iso_run { double sum; uint64_t count, rows; };

static iso_bytes bytes(const char *text) {
  iso_bytes result = {(const uint8_t *)text, strlen(text)};
  return result;
}

static iso_status fail(iso_err *err, iso_status status, const char *text) {
  err->len = (uint32_t)strlen(text);
  memcpy(err->msg, text, err->len);
  return status;
}

static iso_status op_open(const iso_host *host, const iso_input *input, iso_bytes params, iso_op **out, iso_err *err) {
  (void)host;
  if (params.len > 2) return fail(err, ISO_INVALID, "this op takes no parameters");
  if ((*out = malloc(sizeof **out)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  (*out)->cols = input->cols[0];
  return ISO_OK;
}

static void op_close(iso_op *op) { free(op); }

static iso_status op_begin(const iso_op *op, iso_bytes model, uint32_t pass, iso_run **out, iso_err *err) {
  (void)op, (void)model, (void)pass;
  if ((*out = calloc(1, sizeof **out)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  return ISO_OK;
}

static void run_end(iso_run *run) { free(run); }

static iso_status run_update(iso_run *run, const iso_batch *batch, iso_err *err) {
  const iso_matrix *view = batch->views;
  (void)err;
  for (uint64_t i = 0; i < view->rows; i++)
    for (uint64_t j = 0; j < view->cols; j++) run->sum += ((const double *)view->data)[i * view->row_stride + j];
#ifdef STATIC_TLS
  scratch = run->sum;
#endif
  run->count += view->rows * view->cols;
  run->rows += view->rows;
  return ISO_OK;
}

static iso_status run_save(const iso_run *run, iso_sink state, iso_err *err) {
  if (state.write(state.ctx, (const uint8_t *)run, sizeof *run) != 0) return fail(err, ISO_FAILED, "refused");
  return ISO_OK;
}

static iso_status run_merge(iso_run *run, iso_bytes state, iso_err *err) {
  iso_run other;
  if (state.len != sizeof other) return fail(err, ISO_INVALID, "the state has another size");
  memcpy(&other, state.ptr, sizeof other);
  run->sum += other.sum;
  run->count += other.count;
  run->rows += other.rows;
  return ISO_OK;
}

static iso_status run_finish(iso_run *run, const iso_out *out, iso_sink model, uint32_t *again, iso_err *err) {
  iso_row row = {0};
  (void)model;
  row.struct_size = sizeof row;
  row.metric = bytes(OUTPUT);
  row.value = run->sum / (double)run->count; /* NaN when there is nothing */
  row.std_err = 0.5;
  row.n = run->rows;
  *again = 0;
  if (out->row(out->ctx, &row) != 0) return fail(err, ISO_FAILED, "the row was refused");
  return ISO_OK;
}

static const iso_op_vtable op_table = {
    sizeof(iso_op_vtable), 0, {(const uint8_t *)"c_mean", 6}, op_open, op_close, op_begin, run_end, run_update, run_save,
#ifdef NO_MERGE
    NULL,
#else
    run_merge,
#endif
    run_finish, NULL, NULL, NULL};

#ifndef NO_SYMBOL
static const iso_op_vtable *const op_tables[] = {&op_table};

const iso_plugin *isoscope_plugin_entry_v1(void) {
  static iso_plugin plugin;
  plugin.struct_size = sizeof plugin;
  plugin.abi_major = TABLE_MAJOR;
  plugin.abi_min_minor = 0;
  plugin.manifest = bytes(told_manifest);
  plugin.ops = op_tables;
  plugin.n_ops = 1;
  return &plugin;
}
#else
const void *unused_table(void) { return sizeof(op_table) && sizeof(run_merge) ? &op_table : NULL; }
#endif
