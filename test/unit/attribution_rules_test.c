/*
 * attribution_rules_test.c
 *	  The attribution core's models of creators, channels, time and weights, and
 *	  what earlier orders, sessions, matching and lateness leave of a path.
 */
#include "attribution_cases.h"

static const AttributionRules linear = {.model = ATTRIBUTION_LINEAR};

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
	test_more_models();
	test_consumption();
	test_sessions();
	test_matching();
	test_long_creators();
	return done_testing();
}
