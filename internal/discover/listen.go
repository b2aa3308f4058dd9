package discover

import (
	"context"
	"fmt"
	"sync"

	"github.com/grandcat/zeroconf"

	"envoyd/internal/fault"
)

// listen runs bursts until ctx ends: the library stops asking after its first
// answer and one of its resolvers works only once, so each burst has its own.
func listen(ctx context.Context, n networks, found *collection) error {
	for ctx.Err() == nil {
		if err := oneBurst(ctx, n, found); err != nil {
			return err
		}
	}
	return nil
}

// oneBurst asks over IPv4 and, where the host has it, over IPv6 at once, and
// returns when everything it started has ended.
func oneBurst(ctx context.Context, n networks, found *collection) error {
	limited, cancel := context.WithTimeout(ctx, burst)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry)
	listeners := ears(limited, n, entries)
	failure := ask(limited, n, entries, listeners)
	if failure != nil {
		cancel()
	}
	go func() {
		listeners.Wait()
		close(entries)
	}()
	for e := range entries {
		found.add(e)
	}
	return failure
}

// ask starts a resolver for each family. One is enough: many hosts have no
// IPv6.
func ask(ctx context.Context, n networks, entries chan<- *zeroconf.ServiceEntry, listeners *sync.WaitGroup) error {
	var failure error
	running := 0
	for _, family := range []zeroconf.IPType{zeroconf.IPv4, zeroconf.IPv6} {
		heard, err := browse(ctx, n, family)
		if err != nil {
			failure = err
			continue
		}
		running++
		listeners.Go(func() {
			for e := range heard { // to the end, or the library's sender hangs for ever
				entries <- e
			}
		})
	}
	if running > 0 {
		return nil
	}
	return &fault.Error{Op: "asking for gateways by mDNS", Err: failure,
		Mend: "Check that UDP port 5353 is open on this computer, or set gateways[].address."}
}

// browse starts one resolver. Its channel is closed by the library when ctx
// ends.
func browse(ctx context.Context, n networks, family zeroconf.IPType) (<-chan *zeroconf.ServiceEntry, error) {
	resolver, err := zeroconf.NewResolver(zeroconf.SelectIPTraffic(family), zeroconf.SelectIfaces(n.interfaces))
	if err != nil {
		return nil, fmt.Errorf("joining the multicast group: %w", err)
	}
	heard := make(chan *zeroconf.ServiceEntry, 16)
	if err := resolver.Browse(ctx, service, domain, heard); err != nil {
		for range heard { // the library has given up and closes it
		}
		return nil, fmt.Errorf("sending the question: %w", err)
	}
	return heard, nil
}
