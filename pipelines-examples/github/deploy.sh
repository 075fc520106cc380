#!/bin/sh
# Stands for your deployment: it has the password, and shows that a log never does.
set -eu
: "${DB_PASSWORD:?the password did not arrive}"
echo "connecting with password ${DB_PASSWORD}"
