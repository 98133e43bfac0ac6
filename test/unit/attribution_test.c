/*
 * attribution_test.c
 *	  Each rule of the attribution core, on paths small enough for pencil and
 *	  paper. A result is compared as text:
 *
 *		reason n=<path length> <touch>@<position>:<weight>=<credit> ...
 *
 * Times are plain numbers; a window of 10 ends at the conversion.
 */
#include "../../src/attribution/attribution_core.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const AttributionRules first_touch = {.model = ATTRIBUTION_FIRST_TOUCH};
static const AttributionRules last_touch = {.model = ATTRIBUTION_LAST_TOUCH};
static const AttributionRules linear = {.model = ATTRIBUTION_LINEAR};
static const AttributionRules u_shaped = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {2, 1, 2}};

static AttributionRoom room;
static size_t steps;

/* drives the core as a binding does, giving no more room than asked for */
static AttributionProgress
drive(AttributionPath *path, const AttributionRules *rules,
	  const AttributionTouch *touches, size_t n, const AttributionConversion *conversion)
{
	AttributionProgress progress;

	free(room.touch);
	free(room.position);
	free(room.weight);
	free(room.credit);
	free(room.scratch);
	free(room.slots);
	memset(&room, 0, sizeof(room));
	steps = 0;

	attribution_path_start(path, rules, touches, n, conversion);
	for (;;)
	{
		progress = attribution_path_step(path, &room);
		steps++;
		if (progress == ATTRIBUTION_WORKING)
			continue;
		if (progress != ATTRIBUTION_NEEDS_ROOM)
			return progress;
		room.capacity = path->room_needed;
		room.touch = realloc(room.touch, room.capacity * sizeof(*room.touch));
		room.position = realloc(room.position, room.capacity * sizeof(*room.position));
		room.weight = realloc(room.weight, room.capacity * sizeof(*room.weight));
		room.credit = realloc(room.credit, room.capacity * sizeof(*room.credit));
		room.scratch = realloc(room.scratch, room.capacity * sizeof(*room.scratch));
		room.slots = realloc(room.slots, room.capacity * ATTRIBUTION_SLOTS_PER_ROW * sizeof(*room.slots));
	}
}

static const char *
credit(const AttributionRules *rules, const AttributionTouch *touches, size_t n,
	   const AttributionConversion *conversion)
{
	static const char *const reasons[] = {"credited", "no_touch", "outside_window", "excluded",
	"consumed", "late", "no_weight"};
	static char text[4096];
	AttributionPath path;
	size_t		length;
	size_t		i;

	if (drive(&path, rules, touches, n, conversion) != ATTRIBUTION_DONE)
		return "failed";

	length = (size_t) sprintf(text, "%s n=%zu", reasons[path.reason], path.path_length);
	for (i = 0; i < path.rows; i++)
	{
		if (room.touch[i] == ATTRIBUTION_NONE)
			length += (size_t) sprintf(text + length, " none");
		else
			length += (size_t) sprintf(text + length, " %" PRId64 "@%zu",
									   touches[room.touch[i]].touch_id, room.position[i]);
		length += (size_t) sprintf(text + length, ":%.4g=%" PRId64,
								   attribution_row_weight(&path, &room, i), room.credit[i]);
	}
	return text;
}

static AttributionTouch
touch(int64_t at, AttributionKind kind, int64_t id, int64_t creator)
{
	AttributionTouch result = {.touched_at = at,.kind = kind,.touch_id = id,
		.creator_id = creator,.has_creator = true};

	return result;
}

static AttributionTouch
cart(int64_t at, int64_t id, int64_t creator, int64_t product)
{
	AttributionTouch result = touch(at, ATTRIBUTION_CART, id, creator);

	result.product_id = product;
	result.has_product = true;
	return result;
}

/* at time 100: clicks and coupons look back 10, views 5, carts 20 */
static AttributionConversion
conversion(int64_t amount)
{
	AttributionConversion result = {.converted_at = 100,.conversion_id = 1,
		.amount = amount,.has_amount = true};

	result.window_start[ATTRIBUTION_CLICK] = 90;
	result.window_start[ATTRIBUTION_COUPON] = 90;
	result.window_start[ATTRIBUTION_VIEW] = 95;
	result.window_start[ATTRIBUTION_CART] = 80;
	return result;
}

static void
test_models(void)
{
	AttributionConversion sale = conversion(100);
	AttributionTouch touches[5];
	AttributionRules one_sided = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {0, 1, 3}};
	int64_t		i;

	for (i = 0; i < 5; i++)
		touches[i] = touch(91 + i, ATTRIBUTION_CLICK, 11 + i, i);

	is_str(credit(&first_touch, touches, 5, &sale), "credited n=5 11@1:1=100", "first touch");
	is_str(credit(&last_touch, touches, 5, &sale), "credited n=5 15@5:1=100", "last touch");
	is_str(credit(&linear, touches, 3, &sale),
		   "credited n=3 11@1:0.3333=34 12@2:0.3333=33 13@3:0.3333=33",
		   "linear, the odd cent to the earliest");
	is_str(credit(&u_shaped, touches, 1, &sale), "credited n=1 11@1:1=100", "position based, 1 touch");
	is_str(credit(&u_shaped, touches, 2, &sale), "credited n=2 11@1:0.5=50 12@2:0.5=50",
		   "position based, 2 touches: the middle's weight falls away");
	is_str(credit(&u_shaped, touches, 3, &sale),
		   "credited n=3 11@1:0.4=40 12@2:0.2=20 13@3:0.4=40", "position based, 3 touches");

	/* the middle 20 are 6.67 each: 6, 6, 6 and the two cents left to the first two */
	is_str(credit(&u_shaped, touches, 5, &sale),
		   "credited n=5 11@1:0.4=40 12@2:0.06667=7 13@3:0.06667=7 14@4:0.06667=6 15@5:0.4=40",
		   "position based, 5 touches");

	is_str(credit(&one_sided, touches, 1, &sale), "credited n=1 11@1:1=100",
		   "a single touch earns all, whatever the first one's weight");
	is_str(credit(&one_sided, touches, 2, &sale), "credited n=2 12@2:1=100",
		   "a touch without weight gives no row");
	is_str(credit(&one_sided, touches, 3, &sale), "credited n=3 12@2:0.25=25 13@3:0.75=75",
		   "positions count all eligible touches");
}

static void
test_windows(void)
{
	AttributionConversion sale = conversion(7);
	AttributionTouch click_at_start = touch(90, ATTRIBUTION_CLICK, 1, 1);
	AttributionTouch click_inside = touch(91, ATTRIBUTION_CLICK, 2, 1);
	AttributionTouch coupon_at_start = touch(90, ATTRIBUTION_COUPON, 3, 1);
	AttributionTouch coupon_inside = touch(91, ATTRIBUTION_COUPON, 4, 1);
	AttributionTouch click_now = touch(100, ATTRIBUTION_CLICK, 5, 1);
	AttributionTouch click_later = touch(101, ATTRIBUTION_CLICK, 6, 1);
	AttributionTouch history[] = {touch(50, ATTRIBUTION_CLICK, 1, 1), touch(91, ATTRIBUTION_CLICK, 2, 1),
	touch(100, ATTRIBUTION_CLICK, 3, 1), touch(101, ATTRIBUTION_CLICK, 4, 1)};

	is_str(credit(&last_touch, &click_at_start, 1, &sale), "outside_window n=0 none:1=7",
		   "a click at the window's start is too old");
	is_str(credit(&last_touch, &click_inside, 1, &sale), "credited n=1 2@1:1=7",
		   "a click just after it is eligible");
	is_str(credit(&last_touch, &coupon_at_start, 1, &sale), "outside_window n=0 none:1=7",
		   "coupons have the window of clicks: start");
	is_str(credit(&last_touch, &coupon_inside, 1, &sale), "credited n=1 4@1:1=7",
		   "coupons have the window of clicks: inside");
	is_str(credit(&last_touch, &click_now, 1, &sale), "credited n=1 5@1:1=7",
		   "a click at the time of the conversion is eligible");
	is_str(credit(&last_touch, &click_later, 1, &sale), "no_touch n=0 none:1=7",
		   "a later click is none");
	is_str(credit(&last_touch, NULL, 0, &sale), "no_touch n=0 none:1=7", "no touch at all");
	is_str(credit(&linear, history, COUNT(history), &sale),
		   "credited n=2 2@1:0.5=4 3@2:0.5=3", "only what lies in the window takes part");

	sale.window_start[ATTRIBUTION_CLICK] = 100;
	is_str(credit(&last_touch, &click_now, 1, &sale), "outside_window n=0 none:1=7",
		   "a lookback of zero never earns");
	sale.window_start[ATTRIBUTION_CLICK] = INT64_MIN;
	history[0].touched_at = INT64_MIN + 1;
	is_str(credit(&first_touch, history, COUNT(history), &sale), "credited n=3 1@1:1=7",
		   "a window without a start");
}

static void
test_views_and_carts(void)
{
	AttributionConversion sale = conversion(9);
	AttributionTouch views[] = {touch(95, ATTRIBUTION_VIEW, 1, 1), touch(96, ATTRIBUTION_VIEW, 2, 2),
	touch(97, ATTRIBUTION_VIEW, 3, 3)};
	AttributionTouch mixed[] = {touch(96, ATTRIBUTION_VIEW, 1, 1), touch(97, ATTRIBUTION_CLICK, 2, 2),
	touch(98, ATTRIBUTION_VIEW, 3, 3)};
	AttributionTouch old_click[] = {touch(90, ATTRIBUTION_CLICK, 1, 1), touch(96, ATTRIBUTION_VIEW, 2, 2)};
	AttributionTouch carts[] = {cart(80, 1, 1, 5), cart(81, 2, 2, 5), cart(82, 3, 3, 6),
	touch(83, ATTRIBUTION_CART, 4, 4)};
	AttributionTouch cart_and_view[] = {cart(85, 1, 1, 5), touch(99, ATTRIBUTION_VIEW, 2, 2)};

	is_str(credit(&linear, views, 3, &sale), "credited n=2 2@1:0.5=5 3@2:0.5=4",
		   "views in their own window, where there is nothing else");
	is_str(credit(&linear, mixed, 3, &sale), "credited n=1 2@1:1=9",
		   "views do not count beside a click");
	is_str(credit(&linear, old_click, 2, &sale), "credited n=1 2@1:1=9",
		   "a click outside its window does not push views aside");

	is_str(credit(&linear, carts, 4, &sale), "outside_window n=0 none:1=9",
		   "no cart earns a conversion without a product");
	carts[1].product_id = 0;
	is_str(credit(&linear, carts, 4, &sale), "outside_window n=0 none:1=9",
		   "not even the cart of product 0");
	carts[1].product_id = 5;
	sale.has_product = true;
	sale.product_id = 5;
	is_str(credit(&linear, carts, 4, &sale), "credited n=1 2@1:1=9",
		   "a cart earns its own product in its own window");
	is_str(credit(&last_touch, cart_and_view, 2, &sale), "credited n=1 1@1:1=9",
		   "views do not count beside an eligible cart");
	sale.product_id = 7;
	is_str(credit(&last_touch, cart_and_view, 2, &sale), "credited n=1 2@1:1=9",
		   "but beside the cart of another product they do");
	is_str(credit(&linear, carts, 4, &sale), "outside_window n=0 none:1=9",
		   "carts of other products are no touches");
}

static void
test_order(void)
{
	AttributionConversion sale = conversion(4);
	AttributionTouch touches[] = {touch(99, ATTRIBUTION_COUPON, 1, 1), touch(99, ATTRIBUTION_CLICK, 3, 1),
		touch(98, ATTRIBUTION_COUPON, 9, 1), cart(99, 2, 1, 5), touch(99, ATTRIBUTION_CLICK, 2, 1),
	touch(99, ATTRIBUTION_VIEW, 8, 1)};
	AttributionTouch twins[] = {touch(99, ATTRIBUTION_CLICK, 1, 2), touch(99, ATTRIBUTION_CLICK, 1, 1),
	touch(99, ATTRIBUTION_CLICK, 1, 0)};

	sale.has_product = true;
	sale.product_id = 5;
	qsort(touches, COUNT(touches), sizeof(touches[0]), attribution_touch_compare);
	is_str(credit(&linear, touches, COUNT(touches), &sale),
		   "credited n=5 9@1:0.2=1 2@2:0.2=1 3@3:0.2=1 2@4:0.2=1 1@5:0.2=0",
		   "time, then click before cart before coupon, then id");
	is_i64(touches[1].kind, ATTRIBUTION_VIEW, "a view stands before all of its instant");

	twins[2].has_creator = false;
	qsort(twins, COUNT(twins), sizeof(twins[0]), attribution_touch_compare);
	ok(twins[0].creator_id == 1 && twins[1].creator_id == 2 && !twins[2].has_creator,
	   "equal ids are ordered by creator, none last");
}

static void
test_exclusion(void)
{
	AttributionConversion sale = conversion(100);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 10), touch(92, ATTRIBUTION_CLICK, 2, 20),
	touch(93, ATTRIBUTION_CLICK, 3, 30)};
	int64_t		first[] = {99, 10};
	int64_t		zero[] = {0};

	sale.excluded = first;
	sale.excluded_count = 2;
	is_str(credit(&last_touch, touches, 3, &sale), "credited n=3 3@3:1=100",
		   "an excluded creator who would earn nothing does no harm");
	is_str(credit(&first_touch, touches, 3, &sale), "excluded n=3 none:1=100",
		   "one who would earn disqualifies the conversion");
	is_str(credit(&linear, touches, 3, &sale), "excluded n=3 none:1=100",
		   "even one of several");

	sale.excluded = zero;
	sale.excluded_count = 1;
	touches[2].has_creator = false;
	touches[2].creator_id = 0;
	is_str(credit(&last_touch, touches, 3, &sale), "credited n=3 3@3:1=100",
		   "a touch without creator is nobody's");
}

static void
test_amounts(void)
{
	AttributionConversion sale = conversion(-5);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 1), touch(92, ATTRIBUTION_CLICK, 2, 2),
	touch(93, ATTRIBUTION_CLICK, 3, 3)};

	is_str(credit(&linear, touches, 3, &sale),
		   "credited n=3 1@1:0.3333=-2 2@2:0.3333=-2 3@3:0.3333=-1", "negative amounts mirror");
	sale.amount = INT64_MIN;
	is_str(credit(&last_touch, touches, 3, &sale), "credited n=3 3@3:1=-9223372036854775808",
		   "the smallest amount");
	sale.amount = INT64_MAX;
	is_str(credit(&linear, touches, 2, &sale),
		   "credited n=2 1@1:0.5=4611686018427387904 2@2:0.5=4611686018427387903",
		   "the largest amount");
	sale.has_amount = false;
	is_str(credit(&linear, touches, 2, &sale), "credited n=2 1@1:0.5=0 2@2:0.5=0", "no amount");
}

/* work comes in steps, and a long history outside the window costs none */
static void
test_long_paths(void)
{
	size_t		n = 100000;
	AttributionTouch *touches = malloc(n * sizeof(*touches));
	AttributionConversion sale = conversion(123456789);
	AttributionPath path;
	int64_t		sum = 0;
	size_t		i;

	sale.converted_at = (int64_t) n;
	sale.window_start[ATTRIBUTION_CLICK] = -1;
	for (i = 0; i < n; i++)
		touches[i] = touch((int64_t) i, ATTRIBUTION_CLICK, (int64_t) i, 1);

	drive(&path, &linear, touches, n, &sale);
	for (i = 0; i < path.rows; i++)
		sum += room.credit[i];
	is_i64((int64_t) path.rows, (int64_t) n, "a path of 100,000 touches");
	is_i64(sum, 123456789, "its credits sum to the amount");
	ok(steps > 10, "it was worked on in steps");

	sale.window_start[ATTRIBUTION_CLICK] = (int64_t) n - 3;
	sale.window_start[ATTRIBUTION_VIEW] = (int64_t) n - 1;
	sale.window_start[ATTRIBUTION_CART] = (int64_t) n - 1;
	sale.window_start[ATTRIBUTION_COUPON] = (int64_t) n - 1;
	drive(&path, &linear, touches, n, &sale);
	is_i64((int64_t) path.path_length, 2, "a window of two of them");
	ok(steps < 10, "takes few steps");
	free(touches);
}

static void
test_bounds(void)
{
	AttributionConversion sale = conversion(10);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 1), touch(92, ATTRIBUTION_CLICK, 2, 2)};
	AttributionRules middle_only = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {0, 1, 0}};
	AttributionRules negative = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {-1, 1, 2}};
	AttributionRules heavy = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {ATTRIBUTION_MAX_WEIGHT_SUM, 0, 1}};
	AttributionRules heaviest = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {ATTRIBUTION_MAX_WEIGHT_SUM - 1, 0, 1}};
	AttributionPath path;

	ok(drive(&path, &middle_only, touches, 2, &sale) == ATTRIBUTION_BAD_WEIGHTS,
	   "weights that leave two touches nothing are refused");
	ok(drive(&path, &negative, touches, 2, &sale) == ATTRIBUTION_BAD_WEIGHTS,
	   "negative weights are refused");
	ok(drive(&path, &heavy, touches, 2, &sale) == ATTRIBUTION_BAD_WEIGHTS,
	   "weights that could overflow are refused");
	is_str(credit(&heaviest, touches, 2, &sale), "credited n=2 1@1:1=10 2@2:2.328e-10=0",
		   "the largest weights work");
}

static AttributionTouch
nobodys(AttributionTouch touch)
{
	touch.has_creator = false;
	touch.creator_id = 0;
	return touch;
}

static AttributionTouch
direct(AttributionTouch touch)
{
	touch.is_direct = true;
	return touch;
}

static AttributionTouch
late(AttributionTouch touch)
{
	touch.is_late = true;
	return touch;
}

static AttributionTouch
weighing(AttributionTouch touch, int64_t weight)
{
	touch.weight = weight;
	return touch;
}

/* creators 1, 2, 1, nobody, nobody; the first and the last two are direct */
static void
test_more_models(void)
{
	AttributionConversion sale = conversion(100);
	AttributionRules non_direct = {.model = ATTRIBUTION_LAST_NON_DIRECT};
	AttributionRules decay = {.model = ATTRIBUTION_TIME_DECAY};
	AttributionRules participation = {.model = ATTRIBUTION_PARTICIPATION};
	AttributionRules shapley = {.model = ATTRIBUTION_SHAPLEY};
	AttributionRules custom = {.model = ATTRIBUTION_CUSTOM};
	AttributionTouch touches[] = {direct(weighing(touch(91, ATTRIBUTION_CLICK, 11, 1), 0)),
		weighing(touch(93, ATTRIBUTION_CLICK, 12, 2), 1), weighing(touch(95, ATTRIBUTION_CLICK, 13, 1), 3),
	direct(nobodys(touch(97, ATTRIBUTION_CLICK, 14, 0))), direct(nobodys(touch(99, ATTRIBUTION_CLICK, 15, 0)))};
	int64_t		two[] = {2};

	decay_rate_init(&decay.decay, 2);
	is_str(credit(&non_direct, touches, 5, &sale), "credited n=5 13@3:1=100", "the last that is not direct");
	is_str(credit(&non_direct, touches + 3, 2, &sale), "credited n=2 15@2:1=100", "all direct: the last");

	/* 1 2 4 8 16 of 31: floors 3 6 12 25 51 and .23 .45 .90 .81 .61 */
	is_str(credit(&decay, touches, 5, &sale),
		   "credited n=5 11@1:0.03226=3 12@2:0.06452=6 13@3:0.129=13 14@4:0.2581=26 15@5:0.5161=52", "halved every two");
	is_str(credit(&participation, touches, 5, &sale), "credited n=5 12@2:1=100 13@3:1=100",
		   "each creator has all of it, at its last touch");
	is_str(credit(&participation, touches + 3, 2, &sale), "credited n=2 15@2:1=100", "no creator: the last touch");
	is_str(credit(&shapley, touches, 5, &sale), "credited n=5 12@2:0.5=50 13@3:0.5=50", "each creator an equal part");
	is_str(credit(&shapley, touches + 3, 2, &sale), "credited n=2 15@2:1=100", "no creator: the last touch");
	is_str(credit(&custom, touches, 5, &sale), "credited n=5 12@2:0.25=25 13@3:0.75=75", "their own weights");
	is_str(credit(&custom, touches, 1, &sale), "no_weight n=1 none:1=100", "none of which weighs anything");

	sale.excluded = two;
	sale.excluded_count = 1;
	is_str(credit(&participation, touches, 5, &sale), "excluded n=5 none:1=100", "an excluded creator takes part");
	is_str(credit(&shapley, touches, 5, &sale), "excluded n=5 none:1=100", "or has a part");
	is_str(credit(&non_direct, touches, 5, &sale), "credited n=5 13@3:1=100", "or is not chosen");
	touches[1].weight = 0;
	is_str(credit(&custom, touches, 5, &sale), "credited n=5 13@3:1=100", "or weighs nothing");
	sale.excluded_count = 0;

	touches[1].weight = INT64_MAX - 3;
	is_str(credit(&custom, touches, 5, &sale), "credited n=5 12@2:1=100 13@3:3.253e-19=0", "weights as heavy as can be");
	touches[1].weight++;
	is_str(credit(&custom, touches, 5, &sale), "failed", "and heavier");
	touches[1].weight = -1;
	is_str(credit(&custom, touches, 5, &sale), "failed", "a negative one is refused");
}

/* an order at 94 was before; carts of its product are consumed up to 94, too */
static void
test_consumption(void)
{
	AttributionRules consume = {.model = ATTRIBUTION_LINEAR,.reuse = ATTRIBUTION_CONSUME};
	AttributionConversion sale = conversion(100);
	AttributionTouch touches[] = {cart(85, 1, 1, 5), touch(93, ATTRIBUTION_CLICK, 2, 1), touch(94, ATTRIBUTION_CLICK, 3, 1),
	touch(95, ATTRIBUTION_CLICK, 4, 1)};
	AttributionTouch lates[] = {late(touch(93, ATTRIBUTION_CLICK, 1, 1)), touch(94, ATTRIBUTION_CLICK, 2, 1), late(touch(95, ATTRIBUTION_CLICK, 3, 1))};

	sale.has_product = true;
	sale.product_id = 5;
	sale.path_start = 94;
	sale.cart_start = INT64_MIN;
	is_str(credit(&linear, touches, 4, &sale), "credited n=4 1@1:0.25=25 2@2:0.25=25 3@3:0.25=25 4@4:0.25=25",
		   "reuse: what orders consumed is not asked for");
	is_str(credit(&consume, touches, 4, &sale), "credited n=2 1@1:0.5=50 4@2:0.5=50",
		   "consume: what is after the order before, and carts");
	sale.cart_start = 85;
	is_str(credit(&consume, touches, 4, &sale), "credited n=1 4@1:1=100", "carts up to the order of their product");
	is_str(credit(&consume, touches, 3, &sale), "consumed n=0 none:1=100", "nothing left");
	is_str(credit(&consume, touches, 0, &sale), "no_touch n=0 none:1=100", "nothing ever");
	sale.window_start[ATTRIBUTION_CLICK] = 94;
	sale.window_start[ATTRIBUTION_CART] = 85;
	is_str(credit(&consume, touches, 3, &sale), "outside_window n=0 none:1=100", "nor would it be eligible");

	sale.window_start[ATTRIBUTION_CLICK] = 90;
	is_str(credit(&consume, lates, 3, &sale), "late n=0 none:1=100", "late goes before consumed");
	is_str(credit(&consume, lates, 2, &sale), "consumed n=0 none:1=100", "late and consumed is not late");
	is_str(credit(&consume, lates, 1, &sale), "outside_window n=0 none:1=100", "and neither is not consumed");
}

/* sessions live for 8: since 92 */
static void
test_sessions(void)
{
	AttributionRules session = {.model = ATTRIBUTION_LINEAR,.reuse = ATTRIBUTION_SESSION};
	AttributionConversion sale = conversion(60);
	AttributionTouch turns[] = {touch(93, ATTRIBUTION_CLICK, 1, 1), touch(94, ATTRIBUTION_COUPON, 2, 2), touch(95, ATTRIBUTION_CLICK, 3, 1),
	touch(96, ATTRIBUTION_COUPON, 4, 1)};
	AttributionTouch nobody[] = {nobodys(touch(93, ATTRIBUTION_CLICK, 1, 0)), touch(94, ATTRIBUTION_CLICK, 2, 1), nobodys(touch(95, ATTRIBUTION_CLICK, 3, 0)),
		touch(96, ATTRIBUTION_CLICK, 4, 1), nobodys(touch(97, ATTRIBUTION_CLICK, 5, 0))};
	AttributionTouch old[] = {touch(92, ATTRIBUTION_CLICK, 1, 1), touch(93, ATTRIBUTION_CLICK, 2, 1)};
	AttributionTouch others[] = {touch(93, ATTRIBUTION_CLICK, 1, 1), touch(96, ATTRIBUTION_VIEW, 2, 2), cart(97, 3, 2, 5), late(touch(98, ATTRIBUTION_CLICK, 4, 2)),
	touch(101, ATTRIBUTION_CLICK, 5, 2)};

	sale.session_start = 92;
	sale.path_start = INT64_MIN;
	sale.cart_start = INT64_MIN;
	sale.has_product = true;
	sale.product_id = 5;
	is_str(credit(&session, turns, 2, &sale), "credited n=1 2@1:1=60", "another creator's click ends a session");
	is_str(credit(&session, turns, 4, &sale), "credited n=2 3@1:0.5=30 4@2:0.5=30", "and it stays ended when the first comes back");
	is_str(credit(&session, nobody, 5, &sale), "credited n=3 2@1:0.3333=20 4@2:0.3333=20 5@3:0.3333=20",
		   "nobody's click ends none, but any creator's ends it");
	is_str(credit(&session, old, 2, &sale), "credited n=1 2@1:1=60", "a session has an end of its own");
	is_str(credit(&session, old, 1, &sale), "outside_window n=0 none:1=60", "which is not consumption");
	is_str(credit(&session, others, 5, &sale), "credited n=2 1@1:0.5=30 3@2:0.5=30",
		   "views, carts, late clicks and those after the order end nothing; carts need no session");
	sale.path_start = 93;
	is_str(credit(&session, others, 1, &sale), "consumed n=0 none:1=60", "a session is consumed");
	is_str(credit(&session, others, 2, &sale), "credited n=1 2@1:1=60", "which lets a view earn");
	sale.session_start = 93;
	is_str(credit(&session, others, 1, &sale), "outside_window n=0 none:1=60", "unless it was over anyway");
}

static void
test_matching(void)
{
	AttributionRules product = {.model = ATTRIBUTION_LINEAR,.match = ATTRIBUTION_MATCH_PRODUCT};
	AttributionRules category = {.model = ATTRIBUTION_LINEAR,.match = ATTRIBUTION_MATCH_CATEGORY};
	AttributionRules session = {.model = ATTRIBUTION_LINEAR,.match = ATTRIBUTION_MATCH_PRODUCT,.reuse = ATTRIBUTION_SESSION};
	AttributionConversion sale = conversion(60);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 1), touch(92, ATTRIBUTION_CLICK, 2, 2), touch(93, ATTRIBUTION_COUPON, 3, 3),
	touch(94, ATTRIBUTION_COUPON, 4, 4), touch(96, ATTRIBUTION_VIEW, 5, 5), touch(97, ATTRIBUTION_CLICK, 6, 6)};

	sale.path_start = INT64_MIN;
	sale.session_start = INT64_MIN;
	/* products 5, 0, none, 6, 5, none; categories none, 50, 50, none, none, none */
	touches[0].has_product = touches[1].has_product = touches[3].has_product = touches[4].has_product = true;
	touches[0].product_id = touches[4].product_id = 5;
	touches[3].product_id = 6;
	touches[1].has_category = touches[2].has_category = true;
	touches[1].category_id = touches[2].category_id = 50;

	is_str(credit(&product, touches, 6, &sale), "credited n=1 3@1:1=60", "a line without product: the coupon for the whole order");
	is_str(credit(&category, touches, 6, &sale), "credited n=1 4@1:1=60", "without category likewise");
	sale.has_product = sale.has_category = true;
	sale.product_id = 5;
	sale.category_id = 50;
	is_str(credit(&product, touches, 6, &sale), "credited n=2 1@1:0.5=30 3@2:0.5=30", "by product");
	is_str(credit(&category, touches, 6, &sale), "credited n=3 2@1:0.3333=20 3@2:0.3333=20 4@3:0.3333=20", "by category");
	is_str(credit(&product, touches + 3, 3, &sale), "credited n=1 5@1:1=60", "views match as well, where nothing else does");
	is_str(credit(&session, touches, 6, &sale), "credited n=1 5@1:1=60", "what doesn't match ends sessions all the same");
	sale.product_id = 7;
	is_str(credit(&product, touches + 3, 3, &sale), "outside_window n=0 none:1=60", "nothing matches");
}

/* steps of every phase, with room for no more than asked */
static void
test_long_creators(void)
{
	size_t		n = 100000;
	AttributionTouch *touches = malloc(n * sizeof(*touches));
	AttributionConversion sale = conversion(1000003);
	AttributionRules shapley = {.model = ATTRIBUTION_SHAPLEY,.reuse = ATTRIBUTION_SESSION};
	AttributionPath path;
	int64_t		sum = 0;
	bool		right = true;
	size_t		i;

	sale.converted_at = (int64_t) n;
	sale.session_start = sale.path_start = sale.cart_start = -1;
	sale.window_start[ATTRIBUTION_CLICK] = -1;
	for (i = 0; i < n; i++)
		touches[i] = touch((int64_t) i, ATTRIBUTION_CLICK, (int64_t) i, (int64_t) (i % 50000) << 32);

	/* a click of each creator ends all sessions but the last */
	drive(&path, &shapley, touches, n, &sale);
	ok(path.path_length == 1 && path.rows == 1 && room.touch[0] == n - 1, "100,000 clicks, one session");

	shapley.reuse = ATTRIBUTION_REUSE;
	drive(&path, &shapley, touches, n, &sale);
	for (i = 0; i < path.rows; i++)
	{
		sum += room.credit[i];
		right = right && room.touch[i] == 50000 + i && room.position[i] == 50001 + i;
	}
	is_i64((int64_t) path.rows, 50000, "50,000 creators");
	ok(right && sum == 1000003 && steps > 10, "each once, at its last touch");
	for (i = 0; i < n; i++)
		touches[i].creator_id = 7;
	drive(&path, &shapley, touches, n, &sale);
	ok(path.rows == 1 && room.touch[0] == n - 1 && path.path_length == n, "or one of them");
	free(touches);
}

int
main(void)
{
	test_models();
	test_windows();
	test_views_and_carts();
	test_order();
	test_exclusion();
	test_amounts();
	test_long_paths();
	test_bounds();
	test_more_models();
	test_consumption();
	test_sessions();
	test_matching();
	test_long_creators();
	return done_testing();
}
