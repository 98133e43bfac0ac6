/*
 * varint_core.h
 *	  Integers in bytes: fixed ones in little endian, short ones in seven bits a
 *	  byte.  Only the shortest form is read, so that there is one for a number.
 */
#ifndef PG_INFLUENCE_VARINT_CORE_H
#define PG_INFLUENCE_VARINT_CORE_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX_BYTES 10

static inline void
put_fixed64(uint8_t *out, uint64_t value)
{
	int			i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t) (value >> (8 * i));
}

static inline uint64_t
get_fixed64(const uint8_t *in)
{
	uint64_t	value = 0;
	int			i;

	for (i = 0; i < 8; i++)
		value |= (uint64_t) in[i] << (8 * i);
	return value;
}

static inline size_t
put_varint(uint8_t *out, uint64_t value)
{
	size_t		n = 0;

	while (value >= 0x80)
	{
		out[n++] = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	out[n++] = (uint8_t) value;
	return n;
}

/* Returns the bytes read, 0 when there is no shortest varint of 64 bits. */
static inline size_t
get_varint(const uint8_t *in, size_t size, uint64_t *value)
{
	size_t		n;

	*value = 0;
	for (n = 0; n < size && n < VARINT_MAX_BYTES; n++)
	{
		uint64_t	bits = in[n] & 0x7F;

		/* the tenth byte has room for one bit */
		if (n == VARINT_MAX_BYTES - 1 && bits > 1)
			return 0;
		*value |= bits << (7 * n);
		if ((in[n] & 0x80) == 0)
			return (n > 0 && bits == 0) ? 0 : n + 1;
	}
	return 0;
}

/* small numbers of either sign become small numbers */
static inline uint64_t
zigzag(uint64_t value)
{
	return (value << 1) ^ (UINT64_C(0) - (value >> 63));
}

static inline uint64_t
unzigzag(uint64_t value)
{
	return (value >> 1) ^ (UINT64_C(0) - (value & 1));
}

#endif							/* PG_INFLUENCE_VARINT_CORE_H */
