//go:build race

package counters_test

import "time"

// sample is longer under the race detector, which makes SQLite twenty times
// slower.
const sample = 15 * time.Minute
