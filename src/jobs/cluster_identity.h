/*
 * cluster_identity.h
 *	  What tells this cluster from a copy of it.
 */
#ifndef PG_INFLUENCE_CLUSTER_IDENTITY_H
#define PG_INFLUENCE_CLUSTER_IDENTITY_H

extern void cluster_identity_register(void);

#endif							/* PG_INFLUENCE_CLUSTER_IDENTITY_H */
