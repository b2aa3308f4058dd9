//go:build !race

package counters_test

import "time"

// sample is the time between two measurements of the simulated year.
const sample = 5 * time.Minute
