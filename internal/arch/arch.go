// Package arch holds nothing but the test that keeps the package map: who may
// import whom. A linter that is not installed cannot hold it.
package arch
