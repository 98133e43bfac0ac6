/*
 * journey_core.c
 *	  How a journey, the touches and conversions of one visitor, lies in memory.
 */
#include "journey_core.h"

#include <string.h>

/* the head of an event */
#define HEAD_KIND 0x07
#define HEAD_PRODUCT 0x08
#define HEAD_CATEGORY 0x10
#define HEAD_CREATOR 0x20		/* of a touch */
#define HEAD_DIRECT 0x40
#define HEAD_WEIGHT 0x80
#define HEAD_ORDER 0x20			/* of a conversion */
#define HEAD_AMOUNT 0x40
#define HEAD_EXCLUDED 0x80

static const char *const kind_names[JOURNEY_KINDS] = {
	[ATTRIBUTION_VIEW] = "view",
	[ATTRIBUTION_CLICK] = "click",
	[ATTRIBUTION_CART] = "cart",
	[ATTRIBUTION_COUPON] = "coupon",
	[JOURNEY_CONVERSION] = "conversion"
};

const char *
journey_kind_name(int kind)
{
	return kind_names[kind];
}

int
journey_kind_from_name(const char *name, size_t length)
{
	int			kind;

	for (kind = 0; kind < JOURNEY_KINDS; kind++)
	{
		if (strlen(kind_names[kind]) == length &&
			memcmp(kind_names[kind], name, length) == 0)
			break;
	}
	return kind;
}

/* Numbers ------------------------------------------------------------------ */

static uint64_t
zigzag(int64_t value)
{
	return ((uint64_t) value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t
unzigzag(uint64_t value)
{
	return (int64_t) ((value >> 1) ^ (0 - (value & 1)));
}

static size_t
varint_size(uint64_t value)
{
	size_t		size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

static uint8_t *
put_varint(uint8_t *into, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*into++ = (uint8_t) (value | 0x80);
	*into++ = (uint8_t) value;
	return into;
}

/* Only the shortest form of a number is taken. */
static bool
get_varint(JourneyReader *reader, uint64_t *value)
{
	const uint8_t *next = reader->next;
	uint64_t	result = 0;
	int			shift;

	for (shift = 0; shift < 70 && next < reader->end; shift += 7)
	{
		uint8_t		byte = *next++;

		if (shift == 63 && byte > 1)
			return false;
		result |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			if (byte == 0 && shift > 0)
				return false;
			reader->next = next;
			*value = result;
			return true;
		}
	}
	return false;
}

static bool
get_signed(JourneyReader *reader, int64_t *value)
{
	uint64_t	coded;

	if (!get_varint(reader, &coded))
		return false;
	*value = unzigzag(coded);
	return true;
}

/* Ids of excluded creators -------------------------------------------------- */

size_t
journey_ids_write(const int64_t *ids, size_t count, uint8_t *into)
{
	uint8_t    *next = into;
	size_t		i;

	for (i = 0; i < count; i++)
		next = put_varint(next, i == 0 ? zigzag(ids[0])
						  : (uint64_t) ids[i] - (uint64_t) ids[i - 1]);
	return (size_t) (next - into);
}

void
journey_ids_read(const JourneyEvent *event, JourneyReader *reader)
{
	reader->next = event->excluded;
	reader->end = event->excluded;
	if (event->excluded_count > 0)
		reader->end += event->excluded_size;
	reader->base = 0;
	reader->started = false;
}

/* Ids of an event that was read: what is wrong was found then. */
bool
journey_ids_next(JourneyReader *reader, int64_t *id)
{
	uint64_t	value;

	if (!get_varint(reader, &value))
		return false;
	reader->base = reader->started ? reader->base + value
		: (uint64_t) unzigzag(value);
	reader->started = true;
	*id = (int64_t) reader->base;
	return true;
}

/* Walks over the ids, which must ascend. */
static bool
skip_ids(JourneyReader *reader, JourneyEvent *event)
{
	uint64_t	count;
	uint64_t	i;
	int64_t		id = 0;

	if (!get_varint(reader, &count) || count == 0 ||
		count > (size_t) (reader->end - reader->next))
		return false;
	event->excluded = reader->next;
	event->excluded_count = (size_t) count;
	for (i = 0; i < count; i++)
	{
		uint64_t	step;

		if (!get_varint(reader, &step))
			return false;
		if (i == 0)
			id = unzigzag(step);
		else if (step == 0 || step > (uint64_t) INT64_MAX - (uint64_t) id)
			return false;
		else
			id = (int64_t) ((uint64_t) id + step);
	}
	event->excluded_size = (size_t) (reader->next - event->excluded);
	return true;
}

/* Events ---------------------------------------------------------------------- */

static uint8_t
event_head(const JourneyEvent *event)
{
	uint8_t		head = event->kind;

	if (event->has_product)
		head |= HEAD_PRODUCT;
	if (event->has_category)
		head |= HEAD_CATEGORY;
	if (event->kind == JOURNEY_CONVERSION)
	{
		if (event->has_order)
			head |= HEAD_ORDER;
		if (event->has_amount)
			head |= HEAD_AMOUNT;
		if (event->excluded_count > 0)
			head |= HEAD_EXCLUDED;
	}
	else
	{
		if (event->has_creator)
			head |= HEAD_CREATOR;
		if (event->is_direct)
			head |= HEAD_DIRECT;
		if (event->weight > 0)
			head |= HEAD_WEIGHT;
	}
	return head;
}

/* the numbers of an event in their order; their count */
static int
event_numbers(const JourneyEvent *event, int64_t previous_at,
			  uint64_t numbers[7])
{
	int			n = 0;

	numbers[n++] = zigzag((int64_t) ((uint64_t) event->at - (uint64_t) previous_at));
	numbers[n++] = zigzag(event->id);
	if (event->has_product)
		numbers[n++] = zigzag(event->product_id);
	if (event->has_category)
		numbers[n++] = zigzag(event->category_id);
	if (event->kind == JOURNEY_CONVERSION)
	{
		if (event->has_order)
			numbers[n++] = zigzag(event->order_id);
		if (event->has_amount)
			numbers[n++] = zigzag(event->amount);
		if (event->excluded_count > 0)
			numbers[n++] = event->excluded_count;
	}
	else
	{
		if (event->has_creator)
			numbers[n++] = zigzag(event->creator_id);
		if (event->weight > 0)
			numbers[n++] = (uint64_t) event->weight;
	}
	return n;
}

size_t
journey_event_size(const JourneyEvent *event, int64_t previous_at)
{
	uint64_t	numbers[7];
	int			n = event_numbers(event, previous_at, numbers);
	size_t		size = 1;
	int			i;

	for (i = 0; i < n; i++)
		size += varint_size(numbers[i]);
	if (event->excluded_count > 0)
		size += event->excluded_size;
	return size;
}

size_t
journey_event_write(const JourneyEvent *event, int64_t previous_at, uint8_t *into)
{
	uint64_t	numbers[7];
	int			n = event_numbers(event, previous_at, numbers);
	uint8_t    *next = into;
	int			i;

	*next++ = event_head(event);
	for (i = 0; i < n; i++)
		next = put_varint(next, numbers[i]);
	if (event->excluded_count > 0)
	{
		memcpy(next, event->excluded, event->excluded_size);
		next += event->excluded_size;
	}
	return (size_t) (next - into);
}

static bool
get_touch(JourneyReader *reader, uint8_t head, JourneyEvent *event)
{
	uint64_t	weight = 0;

	event->has_creator = (head & HEAD_CREATOR) != 0;
	event->is_direct = (head & HEAD_DIRECT) != 0;
	if (event->has_creator && !get_signed(reader, &event->creator_id))
		return false;
	if ((head & HEAD_WEIGHT) != 0 &&
		(!get_varint(reader, &weight) || weight == 0 || weight > INT64_MAX))
		return false;
	event->weight = (int64_t) weight;
	return true;
}

static bool
get_conversion(JourneyReader *reader, uint8_t head, JourneyEvent *event)
{
	event->has_order = (head & HEAD_ORDER) != 0;
	event->has_amount = (head & HEAD_AMOUNT) != 0;
	if (event->has_order && !get_signed(reader, &event->order_id))
		return false;
	if (event->has_amount && !get_signed(reader, &event->amount))
		return false;
	return (head & HEAD_EXCLUDED) == 0 || skip_ids(reader, event);
}

static JourneyStatus
read_event(JourneyReader *reader, uint64_t previous_at, JourneyEvent *event)
{
	int64_t		step;
	uint8_t		head;

	if (reader->next == reader->end)
		return JOURNEY_END;
	memset(event, 0, sizeof(*event));
	head = *reader->next++;
	event->kind = head & HEAD_KIND;
	if (event->kind >= JOURNEY_KINDS ||
		!get_signed(reader, &step) || !get_signed(reader, &event->id))
		return JOURNEY_CORRUPT;
	event->at = (int64_t) (previous_at + (uint64_t) step);
	if (event->at < JOURNEY_FIRST_TIME || event->at >= JOURNEY_END_TIME)
		return JOURNEY_CORRUPT;

	event->has_product = (head & HEAD_PRODUCT) != 0;
	event->has_category = (head & HEAD_CATEGORY) != 0;
	if (event->has_product && !get_signed(reader, &event->product_id))
		return JOURNEY_CORRUPT;
	if (event->has_category && !get_signed(reader, &event->category_id))
		return JOURNEY_CORRUPT;
	if (!(event->kind == JOURNEY_CONVERSION ? get_conversion(reader, head, event)
		  : get_touch(reader, head, event)))
		return JOURNEY_CORRUPT;
	return JOURNEY_OK;
}

/* Journeys -------------------------------------------------------------------- */

size_t
journey_header_write(const JourneyHeader *header, uint8_t *into)
{
	uint8_t    *next = into;

	*next++ = JOURNEY_VERSION;
	next = put_varint(next, header->rejected);
	next = put_varint(next, header->touches);
	next = put_varint(next, header->conversions);
	return (size_t) (next - into);
}

JourneyStatus
journey_open(const uint8_t *journey, size_t size, JourneyHeader *header,
			 JourneyReader *reader)
{
	size_t		most;

	journey_events_read(journey, size, reader);
	if (size == 0)
		return JOURNEY_CORRUPT;
	if (*reader->next++ != JOURNEY_VERSION)
		return JOURNEY_OTHER_VERSION;
	if (!get_varint(reader, &header->rejected) || header->rejected > INT64_MAX ||
		!get_varint(reader, &header->touches) ||
		!get_varint(reader, &header->conversions))
		return JOURNEY_CORRUPT;

	/* an event has three bytes or more, so that nobody reserves too much */
	most = (size_t) (reader->end - reader->next) / 3;
	if (header->touches > most || header->conversions > most - header->touches)
		return JOURNEY_CORRUPT;
	return JOURNEY_OK;
}

JourneyStatus
journey_next(JourneyReader *reader, JourneyEvent *event)
{
	JourneyStatus status = read_event(reader, reader->base, event);

	if (status == JOURNEY_OK)
		reader->base = (uint64_t) event->at;
	return status;
}

void
journey_events_read(const uint8_t *events, size_t size, JourneyReader *reader)
{
	reader->next = events;
	reader->end = events + size;
	reader->base = 0;
	reader->started = false;
}

JourneyStatus
journey_events_next(JourneyReader *reader, JourneyEvent *event)
{
	return read_event(reader, 0, event);
}

void
journey_touch(const JourneyEvent *event, AttributionTouch *touch)
{
	memset(touch, 0, sizeof(*touch));
	touch->touched_at = event->at;
	touch->touch_id = event->id;
	touch->creator_id = event->creator_id;
	touch->product_id = event->product_id;
	touch->category_id = event->category_id;
	touch->weight = event->weight;
	touch->kind = event->kind;
	touch->has_creator = event->has_creator;
	touch->has_product = event->has_product;
	touch->has_category = event->has_category;
	touch->is_direct = event->is_direct;
}

void
journey_line(const JourneyEvent *event, AttributionConversion *line)
{
	memset(line, 0, sizeof(*line));
	line->converted_at = event->at;
	line->conversion_id = event->id;
	line->amount = event->amount;
	line->product_id = event->product_id;
	line->category_id = event->category_id;
	line->order_low = event->has_order ? attribution_order_key(event->order_id) : 0;
	line->has_amount = event->has_amount;
	line->has_product = event->has_product;
	line->has_category = event->has_category;
	line->has_order = event->has_order;
}
