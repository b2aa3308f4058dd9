// Package balance holds derive and ledger together to what is true of every
// house: whatever sequence of well-formed answers its gateway gives, the powers
// add up, lifetime energy neither falls nor jumps, and what nobody measured
// stays absent. A script of bytes says which house it is and what happens to
// it, so that the same test runs over fixed seeds and under go's fuzzer.
//
// It plays neither the network nor the pace of the polls; package counters does.
package balance_test
