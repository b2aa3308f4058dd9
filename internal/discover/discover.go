// Package discover hears which Enphase gateways are on the home network: one
// short mDNS burst for _enphase-envoy._tcp per call.
//
// What it returns are hints. Anybody on the network can answer, so a serial
// heard here proves nothing until the host has shown its key (package trust),
// and an answer is no sign of life: the caller remembers the last good address
// and asks here only when that is gone. Answers that point anywhere but to a
// private address on a network this host is directly connected to are dropped,
// so that nobody can send the daemon, and the token in its hand, out of the
// house.
//
// It keeps nothing between calls, opens no connection to a gateway and needs
// no mDNS daemon on this host.
package discover

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

const (
	service       = "_enphase-envoy._tcp"
	domain        = "local"
	maxCandidates = 64              // a home has one to three; more is a flood
	maxAddresses  = 8               // of one candidate
	defaultWait   = 4 * time.Second // answers come within 0.2 s; a lost question is repeated in the next burst
	burst         = 2 * time.Second // a responder may stay silent for a second after its last answer
)

// ErrNoInterface says that there is no network interface to ask on: none is up
// with a private address, or none of those named in the configuration.
var ErrNoInterface = errors.New("no usable network interface")

// Config says where to listen and for how long.
type Config struct {
	Interfaces []string      // names; empty = every multicast interface with a private address; loopback only by name
	Wait       time.Duration // how long to listen; 4 s when zero
}

// Candidate is a host that says it is a gateway. Nothing of it is proven.
type Candidate struct {
	Serial    string       // TXT serialnum, 12 digits
	Host      string       // SRV target without the final dot: "envoy.local"
	Firmware  string       // TXT protovers: "8.2.4264"; empty when missing
	Addresses []netip.Addr // private or unique-local, on a directly connected network; IPv4 first; never empty
	Port      int          // SRV port, 80 in the samples found; says nothing about the scheme
}

// Find asks who is a gateway and returns all that answered within Config.Wait,
// by serial, then host; an empty list when nobody did. It fails with
// ErrNoInterface (fault.Transient or, for named interfaces, fault.Config) or
// when the network refuses multicast (fault.Transient). It returns early with
// ctx's error when ctx ends.
func Find(ctx context.Context, cfg Config) ([]Candidate, error) {
	networks, err := usable(cfg.Interfaces)
	if err != nil {
		return nil, err
	}
	wait := cfg.Wait
	if wait <= 0 {
		wait = defaultWait
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	found := newCollection(networks.prefixes)
	if err := listen(limited, networks, found); err != nil && ctx.Err() == nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return found.candidates(), nil
}
