/* A stand-in for libcuda.so.1: the host's memory as the device's. Only for tests; see tensorrt/__init__.py. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef unsigned long long address;
static int failing(const char *call) { const char *name = getenv("FAKE_CUDA_FAILS"); return name && !strcmp(name, call); }
int cuInit(unsigned flags) { return failing("cuInit") ? 100 : 0; }
int cuDeviceGet(int *device, int number) { *device = number; return number > 0 ? 101 : 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = malloc(8); return 0; }
int cuCtxSetCurrent(void *context) { return context == 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Stand-in GPU", length); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 8ULL << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return 0; }
int cuDriverGetVersion(int *version) { *version = 12080; return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = 7ULL << 30; *total = 8ULL << 30; return 0; }
int cuMemAlloc_v2(address *at, size_t size) { if (failing("cuMemAlloc_v2")) return 2; *at = (address)malloc(size); return 0; }
int cuMemFree_v2(address at) { free((void *)at); return 0; }
int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t size, void *stream) { memcpy((void *)to, from, size); return 0; }
int cuMemcpyDtoHAsync_v2(void *to, address from, size_t size, void *stream) { memcpy(to, (void *)from, size); return 0; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = malloc(8); return 0; }
int cuStreamSynchronize(void *stream) { return stream == 0; }
int cuEventCreate(void **event, unsigned flags) { *event = malloc(sizeof(struct timespec)); return 0; }
int cuEventDestroy_v2(void *event) { free(event); return 0; }
int cuEventRecord(void *event, void *stream) { clock_gettime(CLOCK_MONOTONIC, event); return 0; }
int cuEventElapsedTime(float *milliseconds, void *start, void *end) {
  struct timespec *a = start, *b = end;
  *milliseconds = (b->tv_sec - a->tv_sec) * 1e3f + (b->tv_nsec - a->tv_nsec) * 1e-6f;
  return 0;
}
