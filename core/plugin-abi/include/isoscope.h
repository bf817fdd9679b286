/* isoscope.h - the plugin ABI of isoscope, major version 1. NORMATIVE: the Rust crate `isoscope-plugin-abi` mirrors it
 * and a test compares every size and offset.
 *
 * Five rules hold everywhere:
 *  1. Nothing that owns memory crosses the boundary. Arguments are BORROWED for the call only; results are WRITTEN into
 *     sinks and buffers that the host owns. The only owned things are the opaque handles iso_op and iso_run, destroyed
 *     by the plugin that made them. There is no shared allocator and no release callback.
 *  2. Nothing unwinds across. A plugin catches its own panics and exceptions and returns ISO_PANIC.
 *  3. Every struct that may grow starts with struct_size; fields are only appended; a reader looks at a field only if
 *     struct_size covers it. A change of meaning or order is a new major version, which is a new entry symbol.
 *  4. Threads: an iso_op is immutable and shared by threads. An iso_run is used by one thread at a time but may move
 *     between threads. Functions of iso_host and of its extensions may be called from any thread, during a call only.
 *     The iso_host given to open, and every extension got from it, outlive the iso_op.
 *  5. Matrices are row-major, rows are observations, the inner stride is 1. Text is UTF-8 without a terminating NUL.
 */
#ifndef ISOSCOPE_H
#define ISOSCOPE_H
#include <stddef.h>
#include <stdint.h>

#define ISO_ABI_MAJOR 1
#define ISO_ABI_MINOR 0

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t iso_status;
enum {
  ISO_OK = 0,
  ISO_INVALID = 1,     /* parameters or input are wrong: the job fails, no retry */
  ISO_UNSUPPORTED = 2, /* an optional function that this op does not offer */
  ISO_CANCELLED = 3,   /* the host's should_stop said so */
  ISO_RESOURCE = 4,    /* out of memory or another limit: may be retried on a larger worker */
  ISO_FAILED = 5,      /* numerical or other failure: the job fails */
  ISO_PANIC = 6        /* a bug in the plugin: the handle is poisoned, only end and close may follow */
};

typedef struct iso_bytes { const uint8_t *ptr; size_t len; } iso_bytes; /* borrowed */
typedef struct iso_err { uint32_t len; char msg[1020]; } iso_err;       /* allocated by the caller, filled by the callee */

/* Receives bytes; may be called several times, the pieces are concatenated. Returns 0, or non-zero to stop the writer. */
typedef struct iso_sink {
  void *ctx;
  int32_t (*write)(void *ctx, const uint8_t *bytes, size_t len);
} iso_sink;

/* ---- data in ---------------------------------------------------------------------------------------------------- */

/* A matrix view. dtype and device use DLPack's codes. The host of ABI 1.0 passes 64-bit floats on the CPU. */
enum { ISO_DTYPE_INT = 0, ISO_DTYPE_UINT = 1, ISO_DTYPE_FLOAT = 2, ISO_DTYPE_BFLOAT = 4 };
enum { ISO_DEVICE_CPU = 1 };
typedef struct iso_matrix {
  void *data;           /* element [0][0]; not NULL when rows*cols > 0; aligned to the element */
  uint64_t rows, cols;
  int64_t row_stride;   /* in elements, >= cols */
  uint8_t dtype_code, dtype_bits;
  uint16_t dtype_lanes; /* 1 */
  int32_t device_type;
  int32_t device_id;
  uint32_t flags;       /* 0 */
} iso_matrix;

/* A column of the rows' metadata, in Arrow's buffer layout without Arrow's structs. */
enum { ISO_COL_I64 = 1, ISO_COL_F64 = 2, ISO_COL_UTF8 = 3 };
typedef struct iso_column {
  iso_bytes name;          /* "row", "sentence", "token_id", "position", "gold", ... */
  const void *values;      /* int64_t, double, or the bytes of the strings */
  const int32_t *offsets;  /* ISO_COL_UTF8: rows + 1 offsets into values, else NULL */
  const uint8_t *validity; /* least-significant-bit-first bitmap, or NULL when every value is present */
  uint32_t type, reserved;
} iso_column;

typedef struct iso_batch {
  uint32_t struct_size, n_views;
  uint64_t rows;
  uint64_t first_row;      /* global index of row 0: seed randomness with it, never with the shard */
  const iso_matrix *views; /* one, or two row-aligned ones for a comparison */
  const iso_column *columns;
  uint32_t n_columns, reserved;
} iso_batch;

/* What is known before the first batch; the same for all shards. */
typedef struct iso_input {
  uint32_t struct_size, n_views;
  const uint64_t *cols;    /* width of each view */
  uint64_t rows;           /* over all shards; 0 when unknown */
  uint64_t seed;
} iso_input;

/* ---- results out ------------------------------------------------------------------------------------------------ */

/* One number. The host adds model, layer, space, dataset, plugin version and digest. */
typedef struct iso_row {
  uint32_t struct_size, reserved;
  iso_bytes metric;  /* full id as the manifest lists it, e.g. "spectrum.isoscore" */
  iso_bytes part;    /* key inside an object-valued metric, e.g. "std" of "moments.norm"; empty for a scalar */
  iso_bytes status;  /* empty = ok; otherwise why there is no value: the host stores null and this reason */
  double value;      /* ignored when status is not empty; a NaN is refused by the host */
  double std_err;    /* NaN = not estimated */
  uint64_t n;        /* observations behind the value */
} iso_row;

/* A vector of numbers: a spectrum, a curve over D, a list of dimensions. */
typedef struct iso_series {
  uint32_t struct_size, reserved;
  iso_bytes metric, part, status;
  const double *values;
  uint64_t len;
  uint64_t n;
} iso_series;

typedef struct iso_out {
  uint32_t struct_size, reserved;
  void *ctx;
  int32_t (*row)(void *ctx, const iso_row *row);
  int32_t (*series)(void *ctx, const iso_series *series);
} iso_out;

/* ---- the host --------------------------------------------------------------------------------------------------- */

typedef struct iso_host {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  void *ctx;
  void (*log)(void *ctx, int32_t level, iso_bytes message); /* 1 error, 2 warn, 3 info, 4 debug */
  int32_t (*should_stop)(void *ctx);
  const void *(*get_extension)(void *ctx, iso_bytes id);    /* e.g. "iso.linalg/1"; NULL = absent */
} iso_host;

/* Host extension "iso.linalg/1": one tuned implementation for every plugin. Non-zero = failure. */
typedef struct iso_linalg {
  uint32_t struct_size, reserved;
  void *ctx;
  /* a: n*n, symmetric. values: n, descending. vectors: n*n, row k belongs to values[k]. */
  int32_t (*eigh)(void *ctx, uint64_t n, const double *a, double *values, double *vectors);
  /* c = alpha op(a) op(b) + beta c, row-major; op(a) is m*k, op(b) is k*n; ld* are the row strides as stored. */
  int32_t (*gemm)(void *ctx, uint32_t trans_a, uint32_t trans_b, uint64_t m, uint64_t n, uint64_t k, double alpha,
                  const double *a, uint64_t lda, const double *b, uint64_t ldb, double beta, double *c, uint64_t ldc);
} iso_linalg;

/* ---- ops -------------------------------------------------------------------------------------------------------- */

typedef struct iso_op iso_op;
typedef struct iso_run iso_run;

/* Life: open -> ( begin(model) -> update* -> save, ... merge* -> finish )* -> close.
 * The first model is empty. finish answers again = 1 with the model of the next pass, or again = 0 with the final one,
 * which apply uses. merge takes bytes that save wrote under the same model. */
typedef struct iso_op_vtable {
  uint32_t struct_size, flags;
  iso_bytes id;
  iso_status (*open)(const iso_host *, const iso_input *, iso_bytes params_json, iso_op **out, iso_err *);
  void (*close)(iso_op *);
  iso_status (*begin)(const iso_op *, iso_bytes model, uint32_t pass, iso_run **out, iso_err *);
  void (*end)(iso_run *);
  iso_status (*update)(iso_run *, const iso_batch *, iso_err *);
  iso_status (*save)(const iso_run *, iso_sink state, iso_err *);
  iso_status (*merge)(iso_run *, iso_bytes state, iso_err *);
  iso_status (*finish)(iso_run *, const iso_out *, iso_sink model, uint32_t *again, iso_err *);
  /* Optional, NULL when not offered. out is allocated by the host, rows * output columns. */
  iso_status (*apply)(const iso_run *, const iso_batch *, iso_matrix *out, iso_err *);
  uint64_t (*state_size)(const iso_run *);
  const void *(*get_extension)(iso_bytes id);
} iso_op_vtable;

/* ---- op extension "iso.moments/1": ops on moments that the host folds once for all of them ------------------------ */

enum { ISO_PART_SECOND = 1, ISO_PART_DIRECTION = 2, ISO_PART_SHAPE = 4 };
enum { ISO_EIGEN_COVARIANCE = 1, /* of scatter / (n - 1) */
       ISO_EIGEN_SECOND_MOMENT = 2 /* of X^T X = scatter + n mean mean^T */ };
typedef struct iso_moments {
  uint32_t struct_size;
  uint32_t parts;               /* which of the parts below are present; the manifest says which an op needs */
  void *ctx;
  uint64_t n, cols;
  iso_bytes group;              /* key of the group of rows, empty for all rows */
  /* ISO_PART_SECOND */
  const double *mean;           /* cols */
  const double *scatter;        /* cols*cols, sum of (x - mean)(x - mean)^T */
  /* ISO_PART_DIRECTION: over the rows of non-zero norm, n - zero_rows of them */
  uint64_t zero_rows;
  const double *unit_sum;        /* cols, sum of x / |x| */
  const double *unit_square_sum; /* cols, sum of the squares of the components of x / |x| */
  double norm_sum, norm_min, norm_max;  /* of |x| over all n rows */
  double norm_scatter;                  /* sum of (|x| - mean |x|)^2 over all n rows; exact where a sum of squares is not */
  /* ISO_PART_SHAPE */
  const double *dim_min, *dim_max;      /* cols */
  const double *cube_sum, *fourth_sum;  /* cols, sum of (x - mean)^3 and ^4 per dimension */
  /* Eigen-decomposition, computed once and kept while the call lasts. values: cols, descending; vectors: cols*cols,
   * row k belongs to values[k]. Non-zero = failure. */
  int32_t (*eigen)(void *ctx, uint32_t which, const double **values, const double **vectors);
} iso_moments;

typedef struct iso_moments_ops {
  uint32_t struct_size, reserved;
  /* Takes the place of a pass: answers like finish. again = 1: the host runs begin(model, 1) over the rows. */
  iso_status (*measure)(const iso_op *, const iso_moments *, const iso_out *, iso_sink model, uint32_t *again, iso_err *);
} iso_moments_ops;

/* ---- op extension "iso.enhance/1": what the host must know of an enhancement --------------------------------------- */

typedef struct iso_enhance_ops {
  uint32_t struct_size, reserved;
  iso_status (*output_cols)(const iso_op *, iso_bytes model, uint64_t *cols, iso_err *);
  /* NULL when the map is not affine. y = a x + c with a: output_cols*cols, c: output_cols. */
  iso_status (*affine)(const iso_op *, iso_bytes model, double *a, double *c, iso_err *);
} iso_enhance_ops;

/* ---- the plugin ------------------------------------------------------------------------------------------------- */

typedef struct iso_plugin {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_min_minor; /* lowest host minor this binary NEEDS, not the one it was built with */
  iso_bytes manifest;     /* the very bytes in the section .iso_manifest */
  const iso_op_vtable *const *ops;
  uint32_t n_ops, reserved;
} iso_plugin;

#if defined(_WIN32)
#define ISO_EXPORT __declspec(dllexport)
#else
#define ISO_EXPORT __attribute__((visibility("default")))
#endif
#if defined(__APPLE__)
#define ISO_MANIFEST_SECTION __attribute__((used, section("__DATA,__iso_manifest")))
#elif defined(_WIN32)
#define ISO_MANIFEST_SECTION __declspec(allocate(".isoman"))
#else
#define ISO_MANIFEST_SECTION __attribute__((used, section(".iso_manifest")))
#endif

/* The one exported symbol. It must not fail, allocate much, or start threads. */
ISO_EXPORT const iso_plugin *isoscope_plugin_entry_v1(void);
typedef const iso_plugin *(*iso_entry_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
