-- First part of the install script: refuse to be run by psql as a plain file.
\echo Use "CREATE EXTENSION pg_influence" to load this file. \quit

