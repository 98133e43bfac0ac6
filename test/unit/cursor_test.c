/*
 * cursor_test.c
 *	  cursor_core: what goes in comes out, for its owner only, and nothing else
 *	  is accepted.
 */
#include "tap.h"

#include "../../src/feed/cursor_core.h"

static const uint8_t viewer[CURSOR_VIEWER_BYTES] =
{0xA0, 0xEE, 0xBC, 0x99, 0x9C, 0x0B, 0x4E, 0xF8, 0xBB, 0x6D, 0x6B, 0xB9, 0xBD, 0x38, 0x0A, 0x11};

static const char base64url[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static CursorContent sent;
static CursorContent received;
static char text[CURSOR_MAX_TEXT];

static bool
round_trip(void)
{
	size_t		length = cursor_encode(&sent, 42, viewer, text);

	return length == strlen(text) && length < CURSOR_MAX_TEXT &&
		strspn(text, base64url) == length &&
		cursor_decode(text, length, 42, viewer, &received) &&
		received.as_of_us == sent.as_of_us && received.count == sent.count &&
		memcmp(received.ids, sent.ids, sent.count * sizeof(int64_t)) == 0;
}

static void
test_round_trips(void)
{
	sent.as_of_us = 0;
	sent.count = 0;
	ok(round_trip(), "an empty cursor");
	/* 01, eight zeros, 00, then the checksum: RFC 4648 by hand */
	ok(strncmp(text, "AQAAAAAAAAAAA", 13) == 0, "its first bytes are as documented");
	is_i64((int64_t) strlen(text), 24, "18 bytes are 24 letters");

	sent.as_of_us = INT64_C(820454400000000);
	sent.count = 5;
	memcpy(sent.ids, (int64_t[]) {17, 3, INT64_MAX, INT64_MIN, -1}, 5 * sizeof(int64_t));
	ok(round_trip(), "ids in any order, of any size");

	sent.count = CURSOR_MAX_IDS;
	for (int i = 0; i < CURSOR_MAX_IDS; i++)
		sent.ids[i] = 1000000 + (i * 7919) % 4096;
	ok(round_trip(), "500 ids");
	ok(strlen(text) < 1400, "near ids take about two bytes each");

	for (int i = 0; i < CURSOR_MAX_IDS; i++)
		sent.ids[i] = i % 2 ? 0 : INT64_MIN;
	sent.as_of_us = INT64_MIN;
	ok(round_trip(), "500 ids that need ten bytes each");
	is_i64((int64_t) strlen(text), CURSOR_MAX_TEXT - 1, "fill the longest text");
}

static void
test_refusals(void)
{
	uint8_t		other[CURSOR_VIEWER_BYTES];
	size_t		length;
	int			accepted = 0;

	sent.as_of_us = INT64_C(820454400000000);
	sent.count = 20;
	for (int i = 0; i < 20; i++)
		sent.ids[i] = 100 - i;
	length = cursor_encode(&sent, 42, viewer, text);

	memcpy(other, viewer, sizeof(other));
	other[15] ^= 1;
	ok(!cursor_decode(text, length, 42, other, &received), "another viewer is refused");
	ok(!cursor_decode(text, length, 43, viewer, &received), "another program is refused");
	ok(!cursor_decode("", 0, 42, viewer, &received), "an empty text is refused");
	ok(!cursor_decode("not a cursor!", 13, 42, viewer, &received), "other letters are refused");

	for (size_t cut = 0; cut < length; cut++)
		accepted += cursor_decode(text, cut, 42, viewer, &received);
	is_i64(accepted, 0, "every shorter text is refused");

	for (size_t i = 0; i < length; i++)
	{
		char		kept = text[i];

		for (int c = 1; c < 256; c++)
		{
			text[i] = (char) c;
			if (text[i] != kept)
				accepted += cursor_decode(text, length, 42, viewer, &received);
		}
		text[i] = kept;
	}
	is_i64(accepted, 0, "every change of one letter is refused");
	ok(cursor_decode(text, length, 42, viewer, &received), "the unchanged text is accepted");

	memset(text, 'A', sizeof(text));
	ok(!cursor_decode(text, CURSOR_MAX_TEXT - 1, 42, viewer, &received), "the longest text is read safely");
	ok(!cursor_decode(text, CURSOR_MAX_TEXT, 42, viewer, &received), "a longer one is not read");
}

int
main(void)
{
	test_round_trips();
	test_refusals();
	return done_testing();
}
