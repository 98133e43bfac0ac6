/*
 * fuzz.h
 *	  What the fuzz targets share: reading values out of the fuzzer's bytes, and
 *	  stopping when a rule is broken.
 *
 * Values are taken from the front; beyond the end everything is zero, so that
 * any input is a complete one and short inputs are simple cases.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer keeps the input of an abort as crash-<hash> */
#define MUST(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

typedef struct FuzzInput
{
	const uint8_t *data;
	size_t		left;
} FuzzInput;

static inline void
take_bytes(FuzzInput *in, void *into, size_t size)
{
	size_t		have = size < in->left ? size : in->left;

	memset(into, 0, size);
	memcpy(into, in->data, have);
	in->data += have;
	in->left -= have;
}

static inline uint8_t
take_u8(FuzzInput *in)
{
	uint8_t		value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint64_t
take_u64(FuzzInput *in)
{
	uint64_t	value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

/* Zero to most, both included. */
static inline uint64_t
take_below(FuzzInput *in, uint64_t most)
{
	uint64_t	value = most < 256 ? take_u8(in) : take_u64(in);

	return most == UINT64_MAX ? value : value % (most + 1);
}

/* Any int64, the ends of the range and small numbers more often than chance. */
static inline int64_t
take_i64(FuzzInput *in)
{
	uint8_t		shape = take_u8(in);

	switch (shape & 7)
	{
		case 0:
			return (int64_t) take_u8(in) - 128;
		case 1:
			return INT64_MIN + take_u8(in);
		case 2:
			return INT64_MAX - take_u8(in);
		case 3:
			return (int64_t) (UINT64_C(1) << (shape >> 3)) - (take_u8(in) & 3);
		default:
			return (int64_t) take_u64(in);
	}
}

/* Zero to INT64_MAX. */
static inline int64_t
take_positive(FuzzInput *in)
{
	return (int64_t) ((uint64_t) take_i64(in) & INT64_MAX);
}

/* Exactly that much memory, so that one byte too far is seen; ended by free(). */
static inline void *
fuzz_alloc(size_t size)
{
	void	   *memory = malloc(size);

	MUST(memory != NULL || size == 0);
	return memory;
}

#endif							/* FUZZ_H */
