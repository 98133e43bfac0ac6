/*
 * feed_order_core.c
 *	  The order of a page: diversity over the whole session, duplicates of media,
 *	  and sponsored slots.
 *
 * Greedy: every place takes the best candidate that fits what was delivered
 * before it, of a list of those that wait in order of score: without those that
 * were refused, delivered, or have the media of a better one.
 *
 * Asking is dear, so whoever was not asked about is taken for eligible, and only
 * those are asked about whom the page rests on: who got a place, who makes up the
 * five that a sponsored slot needs, and whose media keep another candidate from
 * the list.  When the answers are there the page is made anew.  A page that rests
 * on no guess is the one that asking about all would give: each place took the
 * best of more than the eligible ones and found an eligible one; rules gave way
 * when not even one of those fitted.
 *
 * What a place may not be is a handful of creators and categories, found once
 * for each place.
 *
 * Steps: each time page_size times candidates, at most, and each candidate is
 * accepted once.  Each time asks for more: as many again as were refused.
 */
#include "feed_order_core.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define NONE UINT32_MAX
#define NO_HOLDER ((1u << 30) - 1)

typedef enum SlotKind
{
	SLOT_FREE = 0,
	SLOT_POST,					/* delivered */
	SLOT_MEDIA_WAITING,			/* of a candidate in the list */
	SLOT_MEDIA_DELIVERED
} SlotKind;

typedef struct FeedSlot
{
	int64_t		key;
	uint32_t	run;			/* that it was put in, 0 = before them: any other is free again */
	uint32_t	kind:2;
	uint32_t	holder:30;		/* of media: the candidate, if one has a place on this page or waits */
} FeedSlot;

/* what the next place may not be */
typedef struct Barred
{
	int64_t		last_creator;	/* adjacency */
	bool		has_last;
	uint32_t	creator_count;	/* the window's creators that are full */
	int64_t		creators[FEED_TAIL];
	uint32_t	category_count;
	int64_t		categories[FEED_TAIL];
} Barred;

static size_t
round_up(size_t size)
{
	return (size + 15) & ~(size_t) 15;
}

/* Slots: never more than half full with everything that can enter. */
static uint32_t
slot_count(const FeedOrderInput *input)
{
	/* a candidate brings its media, a delivered post two keys */
	uint64_t	entries = (uint64_t) input->candidate_count + input->delivered_post_count +
		input->delivered_media_count + 2 * (uint64_t) input->page_size;
	uint32_t	count = 16;

	while (count < 2 * entries)
		count *= 2;
	return count;
}

size_t
feed_order_size(const FeedOrderInput *input)
{
	if (input->candidate_count > FEED_MAX_CANDIDATES ||
		input->sponsored_count > FEED_MAX_SPONSORED ||
		input->delivered_post_count > FEED_MAX_DELIVERED ||
		input->delivered_media_count > FEED_MAX_DELIVERED ||
		input->page_size > FEED_MAX_DELIVERED || input->tail.count > FEED_TAIL)
		return 0;
	return round_up(sizeof(FeedOrder)) +
		3 * round_up(input->candidate_count * sizeof(uint8_t)) +
		round_up(input->page_size * sizeof(FeedPlace)) +
		2 * round_up(input->candidate_count * sizeof(uint32_t)) +
		slot_count(input) * sizeof(FeedSlot);
}

static bool
is_free(const FeedOrder *order, const FeedSlot *slot)
{
	return slot->kind == SLOT_FREE || (slot->run != 0 && slot->run != order->run);
}

/* The slot of a key, or the free one where it belongs. */
static FeedSlot *
find_slot(const FeedOrder *order, int64_t key, bool is_post)
{
	uint64_t	hash = XXH3_64bits_withSeed(&key, sizeof(key), is_post);
	uint32_t	at = (uint32_t) hash & order->slot_mask;

	/* ends: half of the slots are free */
	while (!is_free(order, &order->slots[at]) &&
		   (order->slots[at].key != key || (order->slots[at].kind == SLOT_POST) != is_post))
		at = (at + 1) & order->slot_mask;
	return &order->slots[at];
}

static void
put_slot(FeedOrder *order, int64_t key, SlotKind kind, uint32_t holder)
{
	FeedSlot   *slot = find_slot(order, key, kind == SLOT_POST);

	if (is_free(order, slot))
		slot->run = order->run;
	slot->key = key;
	slot->kind = kind;
	slot->holder = holder;
}

FeedOrder *
feed_order_begin(void *memory, const FeedOrderInput *input)
{
	FeedOrder  *order = memory;
	uint8_t    *at = memory;
	uint32_t	slots = slot_count(input);
	uint32_t	i;

	memset(order, 0, sizeof(*order));
	order->input = *input;
	at += round_up(sizeof(FeedOrder));
	order->answers = at;
	memset(order->answers, FEED_UNKNOWN, input->candidate_count);
	at += round_up(input->candidate_count * sizeof(uint8_t));
	order->verdicts = at;
	at += round_up(input->candidate_count * sizeof(uint8_t));
	order->wanted = at;
	at += round_up(input->candidate_count * sizeof(uint8_t));
	order->places = (FeedPlace *) at;
	at += round_up(input->page_size * sizeof(FeedPlace));
	order->next = (uint32_t *) at;
	at += round_up(input->candidate_count * sizeof(uint32_t));
	order->asked = (uint32_t *) at;
	at += round_up(input->candidate_count * sizeof(uint32_t));
	order->slots = (FeedSlot *) at;
	memset(order->slots, 0, slots * sizeof(FeedSlot));
	order->slot_mask = slots - 1;

	for (i = 0; i < input->delivered_post_count; i++)
		put_slot(order, input->delivered_posts[i], SLOT_POST, 0);
	for (i = 0; i < input->delivered_media_count; i++)
		put_slot(order, input->delivered_media[i], SLOT_MEDIA_DELIVERED, NO_HOLDER);
	return order;
}

/* The page from its beginning, with the answers that there are. */
static void
begin_run(FeedOrder *order)
{
	order->run++;
	order->asked_count = 0;
	order->placed = 0;
	order->tail = order->input.tail;
	order->accepted = 0;
	order->answered = 0;
	order->refused = 0;
	order->twins = 0;
	order->first = NONE;
	order->last = NONE;
	order->waiting = 0;
}

/* The page rests on this candidate: whether it may be shown has to be known. */
static void
want(FeedOrder *order, uint32_t index)
{
	if (order->answers[index] != FEED_UNKNOWN || order->wanted[index])
		return;
	order->wanted[index] = 1;
	order->asked[order->asked_count++] = index;
}

/*
 * Takes the next candidate into the list, or not.  MORE when the next one is not
 * known, DONE when it is done or none is left.
 */
static FeedOrderStep
accept_next(FeedOrder *order)
{
	uint32_t	index = order->accepted;
	const FeedCandidate *candidate = &order->input.candidates[index];
	FeedSlot   *media;

	if (index == order->input.candidate_count)
		return FEED_ORDER_DONE;
	if (index >= order->ordered)
		return FEED_ORDER_MORE;
	order->wanted[index] = 0;
	order->verdicts[index] = order->answers[index];
	order->answered += order->answers[index] != FEED_UNKNOWN;
	if (order->answers[index] == FEED_REFUSED)
		order->refused++;
	else if (!is_free(order, find_slot(order, candidate->post_id, true)))
		order->verdicts[index] = FEED_DELIVERED;
	else if (!is_free(order, media = find_slot(order, candidate->media_key, false)))
	{
		/* a guess, unless that one is known to be eligible; the more were refused, the more twins may be the next ones */
		if (media->holder != NO_HOLDER && order->answers[media->holder] == FEED_UNKNOWN)
		{
			want(order, media->holder);
			if (order->answers[index] == FEED_UNKNOWN && order->twins < order->refused)
			{
				want(order, index);
				order->twins++;
			}
		}
		order->verdicts[index] = FEED_DUPLICATE;
	}
	else
	{
		put_slot(order, candidate->media_key, SLOT_MEDIA_WAITING, index);
		order->next[index] = NONE;
		if (order->last == NONE)
			order->first = index;
		else
			order->next[order->last] = index;
		order->last = index;
		order->waiting++;
	}
	order->accepted++;
	return FEED_ORDER_DONE;
}

static bool
all_accepted(const FeedOrder *order)
{
	return order->accepted == order->input.candidate_count;
}

/* Takes the candidate behind "before" (NONE: the first) out of the list. */
static void
unlink_after(FeedOrder *order, uint32_t before, FeedVerdict verdict)
{
	uint32_t	index = before == NONE ? order->first : order->next[before];

	if (before == NONE)
		order->first = order->next[index];
	else
		order->next[before] = order->next[index];
	if (order->last == index)
		order->last = before;
	order->waiting--;
	order->verdicts[index] = (uint8_t) verdict;
}

static void
list_barred(const FeedTail *tail, Barred *barred)
{
	uint32_t	i;
	uint32_t	j;

	memset(barred, 0, sizeof(*barred));
	if (tail->count > 0)
	{
		barred->has_last = true;
		barred->last_creator = tail->creators[tail->count - 1];
	}
	for (i = 0; i < tail->count; i++)
	{
		uint32_t	creators = 0;
		uint32_t	categories = 0;

		/* listed as often as it stands there, which does no harm */
		for (j = 0; j < tail->count; j++)
		{
			creators += tail->creators[j] == tail->creators[i];
			categories += tail->categories[j] == tail->categories[i];
		}
		if (creators >= FEED_CREATOR_MOST)
			barred->creators[barred->creator_count++] = tail->creators[i];
		if (tail->categories[i] != 0 && categories >= FEED_CATEGORY_MOST)
			barred->categories[barred->category_count++] = tail->categories[i];
	}
}

/* Whether the rules that are left at a level of relaxing allow the post. */
static bool
fits(const FeedCandidate *post, const Barred *barred, int relaxed)
{
	uint32_t	i;

	if (relaxed < FEED_NOT_ADJACENT && barred->has_last &&
		post->creator_id == barred->last_creator)
		return false;
	if (relaxed < FEED_NOT_CREATOR)
		for (i = 0; i < barred->creator_count; i++)
			if (post->creator_id == barred->creators[i])
				return false;
	if (relaxed < FEED_NOT_CATEGORY)
		for (i = 0; i < barred->category_count; i++)
			if (post->category_id == barred->categories[i])
				return false;
	return true;
}

static void
deliver(FeedOrder *order, const FeedCandidate *post, uint32_t index, bool sponsored, int relaxed)
{
	FeedPlace  *place = &order->places[order->placed++];
	FeedTail   *tail = &order->tail;

	place->index = index;
	place->sponsored = sponsored;
	place->relaxed = (uint8_t) relaxed;
	put_slot(order, post->post_id, SLOT_POST, 0);
	put_slot(order, post->media_key, SLOT_MEDIA_DELIVERED, sponsored ? NO_HOLDER : index);

	tail->delivered++;
	if (sponsored)
		tail->last_sponsored = tail->delivered;
	if (tail->count == FEED_TAIL)
	{
		memmove(tail->creators, tail->creators + 1, (FEED_TAIL - 1) * sizeof(int64_t));
		memmove(tail->categories, tail->categories + 1, (FEED_TAIL - 1) * sizeof(int64_t));
		tail->count--;
	}
	tail->creators[tail->count] = post->creator_id;
	tail->categories[tail->count] = post->category_id;
	tail->count++;
}

/* Whether this page left a campaign another time. */
static bool
campaign_has_room(const FeedOrder *order, const FeedSponsored *sponsored)
{
	uint32_t	used = 0;
	uint32_t	i;

	for (i = 0; i < order->placed; i++)
		if (order->places[i].sponsored &&
			order->input.sponsored[order->places[i].index].campaign_id == sponsored->campaign_id)
			used++;
	return used < sponsored->room;
}

static bool
is_delivered(const FeedOrder *order, const FeedCandidate *post)
{
	const FeedSlot *media = find_slot(order, post->media_key, false);

	return !is_free(order, find_slot(order, post->post_id, true)) ||
		(!is_free(order, media) && media->kind == SLOT_MEDIA_DELIVERED);
}

/* The first sponsored post that may stand here, NONE without one. */
static uint32_t
find_sponsored(const FeedOrder *order, const Barred *barred)
{
	uint64_t	position = (uint64_t) order->tail.delivered + 1;
	uint32_t	last = order->tail.last_sponsored;
	uint32_t	i;

	if (position < FEED_SPONSORED_FIRST ||
		(last > 0 && position < (uint64_t) last + FEED_SPONSORED_SPACING))
		return NONE;
	for (i = 0; i < order->input.sponsored_count; i++)
	{
		const FeedSponsored *sponsored = &order->input.sponsored[i];

		if ((!order->input.diverse || fits(&sponsored->post, barred, FEED_KEPT_ALL)) &&
			!is_delivered(order, &sponsored->post) && campaign_has_room(order, sponsored))
			return i;
	}
	return NONE;
}

/* Delivers it; the same post and media in the list are not organic any more. */
static void
deliver_sponsored(FeedOrder *order, uint32_t index)
{
	const FeedCandidate *post = &order->input.sponsored[index].post;
	uint32_t	before = NONE;
	uint32_t	at = order->first;

	while (at != NONE)
	{
		const FeedCandidate *candidate = &order->input.candidates[at];
		uint32_t	next = order->next[at];

		if (candidate->post_id == post->post_id)
			unlink_after(order, before, FEED_DELIVERED);
		else if (candidate->media_key == post->media_key)
			unlink_after(order, before, FEED_DUPLICATE);
		else
			before = at;
		at = next;
	}
	deliver(order, post, index, true, FEED_KEPT_ALL);
}

/*
 * Delivers the best candidate from "behind" (NONE: the first) on that fits; false
 * when none of the list does.
 */
static bool
deliver_organic(FeedOrder *order, const Barred *barred, int relaxed, uint32_t behind)
{
	uint32_t	before = behind;
	uint32_t	at = behind == NONE ? order->first : order->next[behind];

	for (; at != NONE; before = at, at = order->next[at])
	{
		const FeedCandidate *candidate = &order->input.candidates[at];

		if (!order->input.diverse || fits(candidate, barred, relaxed))
		{
			want(order, at);
			unlink_after(order, before, FEED_DELIVERED);
			deliver(order, candidate, at, false, order->input.diverse ? relaxed : FEED_KEPT_ALL);
			return true;
		}
	}
	return false;
}

/* Whether five candidates wait: DONE when that is known, or at least likely. */
static FeedOrderStep
count_waiting(FeedOrder *order)
{
	FeedOrderStep step;
	uint32_t	left = FEED_ORGANIC_LEAST;
	uint32_t	at;

	while (order->waiting < FEED_ORGANIC_LEAST && !all_accepted(order))
		if ((step = accept_next(order)) != FEED_ORDER_DONE)
			return step;
	if (order->waiting < FEED_ORGANIC_LEAST)
		return FEED_ORDER_DONE;
	/* those that are known first: it does not matter which five there are */
	for (at = order->first; at != NONE && left > 0; at = order->next[at])
		left -= order->answers[at] == FEED_ELIGIBLE;
	for (at = order->first; at != NONE && left > 0; at = order->next[at])
		if (order->answers[at] == FEED_UNKNOWN)
		{
			want(order, at);
			left--;
		}
	return FEED_ORDER_DONE;
}

/* One organic place: the best that fits, with as few rules given up as can be. */
static FeedOrderStep
place_organic(FeedOrder *order, const Barred *barred, bool *found)
{
	FeedOrderStep step;
	uint32_t	behind = NONE;
	int			relaxed;

	*found = true;
	while (!deliver_organic(order, barred, FEED_KEPT_ALL, behind))
	{
		if (all_accepted(order))
		{
			for (relaxed = FEED_NOT_CATEGORY; relaxed <= FEED_NOT_ADJACENT; relaxed++)
				if (deliver_organic(order, barred, relaxed, NONE))
					return FEED_ORDER_DONE;
			/* the list is empty */
			*found = false;
			return FEED_ORDER_DONE;
		}
		behind = order->last;
		if ((step = accept_next(order)) != FEED_ORDER_DONE)
			return step;
	}
	return FEED_ORDER_DONE;
}

/* Some of those behind the page will have to take the place of one that is refused. */
static void
want_reserve(FeedOrder *order)
{
	/* the more of them were refused, the more: all as many again */
	uint32_t	share = order->refused > 0 ? (uint32_t) ((uint64_t) order->refused * order->refused / order->answered) : 0;
	uint32_t	most = order->asked_count + 1 + order->asked_count / 5 + share;
	uint32_t	at = order->first;
	uint32_t	last;

	for (;;)
	{
		for (; at != NONE && order->asked_count < most; at = order->next[at])
			want(order, at);
		last = order->last;
		if (order->asked_count >= most || all_accepted(order) || accept_next(order) != FEED_ORDER_DONE)
			return;
		at = last == NONE ? order->first : order->next[last];
	}
}

FeedOrderStep
feed_order_run(FeedOrder *order)
{
	Barred		barred;
	FeedOrderStep step;
	uint32_t	sponsored;
	bool		found;

	begin_run(order);
	while (order->placed < order->input.page_size)
	{
		list_barred(&order->tail, &barred);

		sponsored = find_sponsored(order, &barred);
		if (sponsored != NONE)
		{
			if ((step = count_waiting(order)) != FEED_ORDER_DONE)
				return step;
			if (order->waiting >= FEED_ORGANIC_LEAST)
			{
				deliver_sponsored(order, sponsored);
				continue;
			}
		}
		if ((step = place_organic(order, &barred, &found)) != FEED_ORDER_DONE)
			return step;
		if (!found)
			break;
	}
	if (order->asked_count == 0)
		return FEED_ORDER_DONE;
	want_reserve(order);
	return FEED_ORDER_ASK;
}
