/*
 * base64url_core.c
 *	  base64url without padding (RFC 4648, section 5).
 *
 * There is exactly one text for some bytes: stray bits in the last letter are
 * refused.
 */
#include "base64url_core.h"

static const char letters[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t
base64url_encode(const uint8_t *bytes, size_t size, char *text)
{
	size_t		length = 0;
	uint32_t	bits = 0;
	int			pending = 0;
	size_t		i;

	for (i = 0; i < size; i++)
	{
		bits = (bits << 8) | bytes[i];
		for (pending += 8; pending >= 6; pending -= 6)
			text[length++] = letters[(bits >> (pending - 6)) & 63];
	}
	if (pending > 0)
		text[length++] = letters[(bits << (6 - pending)) & 63];
	text[length] = '\0';
	return length;
}

static int
letter_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	return -1;
}

size_t
base64url_decode(const char *text, size_t length, uint8_t *bytes, size_t room)
{
	size_t		size = 0;
	uint32_t	bits = 0;
	int			pending = 0;
	size_t		i;

	if (length > BASE64URL_LENGTH(room) || length % 4 == 1)
		return 0;
	for (i = 0; i < length; i++)
	{
		int			value = letter_value(text[i]);

		if (value < 0)
			return 0;
		bits = (bits << 6) | (uint32_t) value;
		pending += 6;
		if (pending >= 8)
		{
			pending -= 8;
			bytes[size++] = (uint8_t) (bits >> pending);
		}
	}
	if ((bits & ((1u << pending) - 1)) != 0)
		return 0;
	return size;
}
