/*
 * feed_call.h
 *	  One call of the feed: what is known of the viewer, the posts in question,
 *	  and the rules they are judged by.
 *
 * A call is read in the snapshot of its caller, lives in a memory context of its
 * own and writes nothing.  Ids are never 0; 0 stands for none.
 */
#ifndef PG_INFLUENCE_FEED_CALL_H
#define PG_INFLUENCE_FEED_CALL_H

#include "utils/array.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "feed_features.h"
#include "feed_token_core.h"

/* of the history that is looked at */
#define FEED_HISTORY 200
/* creators whose follows count, the newest first */
#define FEED_FOLLOWS 200
/* impressions of the last week that count, the newest first */
#define FEED_IMPRESSIONS 500

/* the rules of eligibility; the first that fails names the verdict */
typedef enum FeedRule
{
	FEED_RULE_ELIGIBLE,
	FEED_RULE_NOT_HERE,			/* no post of this program */
	FEED_RULE_NOT_YET,			/* published after the moment of the feed */
	FEED_RULE_EXPIRED,
	FEED_RULE_MODERATION,		/* pending or removed */
	FEED_RULE_CREATOR_STATUS,	/* suspended or banned */
	FEED_RULE_OWN,				/* the viewer is the creator */
	FEED_RULE_BLOCKED,
	FEED_RULE_MUTED,
	FEED_RULE_HIDDEN,
	FEED_RULE_SEEN,
	FEED_RULE_COUNTRY,
	FEED_RULE_LANGUAGE,
	FEED_RULE_PRODUCT,			/* nothing in stock that the program may show */
	FEED_RULE_DUPLICATE,		/* the media of a better post */
	FEED_RULE_CAPPED,			/* shown often enough */
	FEED_RULE_DELIVERED,		/* in this session */
	FEED_RULES					/* how many */
} FeedRule;

extern const char *const feed_rule_names[FEED_RULES];

/* what the viewer has to do with a creator, a topic or a post */
#define FEED_FLAG_FOLLOWED	0x01
#define FEED_FLAG_BLOCKED	0x02
#define FEED_FLAG_MUTED		0x04
#define FEED_FLAG_HIDDEN		0x08
#define FEED_FLAG_OWN		0x10
#define FEED_FLAG_DELIVERED	0x20

typedef struct FeedFacts
{
	int64		id;
	TimestampTz since;			/* of the follow */
	TimestampTz less;			/* latest "see less", DT_NOBEGIN = never */
	double		weight;			/* of the history; of a topic with what was chosen */
	double		fatigue;		/* impressions, decayed */
	/* what they come to in a score: feed_weigh_facts() */
	double		log_weight;
	double		dampening;
	int32		shown;			/* of a post in a week, of a creator in a day */
	uint8		flags;
	char		status;			/* the hash table's */
} FeedFacts;

struct feedfacts_hash;

/* what the history says, the newest first */
typedef struct FeedPast
{
	int64		id;				/* of a post or a product */
	double		weight;			/* of its neighbours */
} FeedPast;

/* everything that settings and the profile say */
typedef struct FeedSettings
{
	/* weights of engagements */
	double		smile;
	double		comment;
	double		share;
	double		save;
	double		vote;
	double		click;
	double		purchase;
	double		history_half;
	double		neighbor_half;
	int64		half_life_us;	/* of the ranks */
	int64		intent_window_us;
	/* bounds of the sources */
	int32		per_creator;
	int32		follow_creators;
	int32		per_topic;
	int32		topics;
	int32		neighbor_items;
	int32		per_item;
	int32		neighbor_products;
	int32		per_product;
	int32		product_posts;
	int32		trending;
	int32		popular;
	int32		explore;
	int32		explore_places;
	int32		explore_days;
	int32		history_days;
	int32		intent_posts;
	/* caps */
	int32		post_cap;
	int32		creator_cap;
	/* how much of what is engaged with falls on a format: by everybody, 0 = not known, and on the device */
	double		format_share[FEED_FORMATS];
	double		format_expected[FEED_FORMATS];
} FeedSettings;

typedef struct FeedProfile
{
	int64		profile_id;
	int64		assignment_id;	/* 0 = none */
	double		weights[FEED_FEATURES];
} FeedProfile;

typedef struct FeedViewer
{
	pg_uuid_t	id;				/* as the caller named it */
	bool		aliases;		/* it has other names, or is one */
	Datum		visitors;		/* uuid[]: all that are the same person */
	char	   *country;		/* NULL = not known */
	char	   *language;
	char	   *spoken;			/* its beginning, as in feed_item */
	bool		personalised;
	bool		signal;			/* follows, interests or history */
	struct feedfacts_hash *creators;
	struct feedfacts_hash *topics;
	struct feedfacts_hash *posts;
	struct feedfacts_hash *sounds;	/* by key: of the history; NULL = none */
	double		formats[FEED_FORMATS];	/* weight of the history */
	double		format_fit[FEED_FORMATS];	/* what that comes to: feed_weigh_facts() */
	double		usual_price;	/* minor units; 0 = not known */
	FeedPast	posts_past[FEED_HISTORY];
	int			nposts;
	FeedPast	products_past[FEED_HISTORY];
	int			nproducts;
	struct FeedSeen *seen;
} FeedViewer;

/* a post in question: what influence.feed_item says, and what was found */
typedef struct FeedPost
{
	int64		post_id;
	int64		creator_id;
	int64		topic_id;
	int64		category_id;
	int64		media_key;
	int64		price;			/* 0 = not known */
	TimestampTz published_at;
	double		quality;
	double		engagement;
	double		sales;
	double		similarity;
	double		propensity;
	int64		sound_key;		/* 0 = none */
	uint32		sources;		/* bits of FeedSource */
	uint8		format;			/* FeedFormat */
	bool		elsewhere;		/* not for the viewer's country */
	bool		foreign;		/* in another language */
} FeedPost;

/* a list that grows */
typedef struct FeedIds
{
	int64	   *ids;
	int			count;
	int			room;
} FeedIds;

extern void feed_ids_add(FeedIds *list, int64 id);

struct feedindex_hash;

typedef struct FeedPool
{
	FeedPost   *posts;
	uint32		count;
	uint32		room;
	struct feedindex_hash *index;
} FeedPool;

typedef struct FeedCall
{
	MemoryContext context;
	int64		program_id;
	const char *currency;
	const char *surface;		/* NULL = not said */
	const char *device;			/* NULL = not said */
	bool		buying;
	TimestampTz as_of;			/* who may be shown what is judged by it */
	TimestampTz moment;			/* ranks and prices are judged by it: frozen by a cursor */
	FeedSettings settings;
	FeedProfile profile;
	FeedViewer	viewer;
	FeedPool	pool;
	bool		brand_rules;	/* some products may not be shown */
	bool		campaigns;		/* somebody may pay for a place */
	bool		assigned;		/* some profile other than the standard one may be in force */
	struct FeedShown *shown;	/* what the tables said of posts that were judged, the last first */
} FeedCall;

/* Hash tables of facts by id: those there are, or new ones with nothing known. */
extern struct feedfacts_hash *feed_facts_create(MemoryContext context);
extern FeedFacts *feed_facts_find(struct feedfacts_hash *table, int64 id);
extern FeedFacts *feed_facts_get(struct feedfacts_hash *table, int64 id);
/* Those with a flag, a weight or a "see less", in no order. */
extern FeedFacts **feed_facts_all(struct feedfacts_hash *table, int *count);

/* What the viewer has to do with a post; where nothing is known, facts that say so. */
typedef struct FeedKnown
{
	const FeedFacts *creator;
	const FeedFacts *topic;
	const FeedFacts *post;
	const FeedFacts *sound;
} FeedKnown;

extern FeedKnown feed_known(const FeedViewer *viewer, const FeedPost *post);

/* The pool of posts: one entry for each. */
extern void feed_pool_begin(FeedPool *pool, MemoryContext context);
extern FeedPost *feed_pool_find(const FeedPool *pool, int64 post_id);
/* The place of a post; *found says whether it is there, or is to be filled in. */
extern FeedPost *feed_pool_get(FeedPool *pool, int64 post_id, bool *found);

#endif							/* PG_INFLUENCE_FEED_CALL_H */
