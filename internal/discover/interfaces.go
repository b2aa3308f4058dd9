package discover

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"envoyd/internal/fault"
)

// networks is where to ask and which addresses may answer.
type networks struct {
	interfaces []net.Interface
	prefixes   []netip.Prefix // directly connected, private, unique-local, or loopback when it was named
}

// usable picks the interfaces to ask on. Those that a person named are taken
// as they are, loopback and Docker bridges too, if only they are up.
func usable(named []string) (networks, error) {
	all, err := net.Interfaces()
	if err != nil {
		return networks{}, &fault.Error{Op: "listing network interfaces", Err: err}
	}
	var n networks
	for _, i := range all {
		if len(named) > 0 && !slices.Contains(named, i.Name) || !carries(i, len(named) > 0) {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // gone since it was listed
		}
		if prefixes := ourPrefixes(addresses); len(prefixes) > 0 {
			n.interfaces = append(n.interfaces, i)
			n.prefixes = append(n.prefixes, prefixes...)
		}
	}
	if len(n.interfaces) == 0 {
		return networks{}, nowhere(named)
	}
	return n, nil
}

// carries reports whether mDNS can be spoken on the interface. A tunnel leads
// out of the house; loopback leads nowhere, but demos and tests live there.
func carries(i net.Interface, byName bool) bool {
	if i.Flags&net.FlagUp == 0 {
		return false
	}
	if byName {
		return i.Flags&(net.FlagMulticast|net.FlagLoopback) != 0
	}
	return i.Flags&net.FlagMulticast != 0 && i.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0
}

// ourPrefixes keeps the networks in which a gateway may live.
func ourPrefixes(addresses []net.Addr) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || !p.Addr().IsPrivate() && !p.Addr().IsLoopback() {
			continue
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes
}

func nowhere(named []string) error {
	if len(named) == 0 {
		return &fault.Error{
			Op: "looking for gateways", Err: fmt.Errorf("%w: none is up with a private address", ErrNoInterface),
			Mend: "Connect this computer to the network of the gateway, or set gateways[].address.",
		}
	}
	return &fault.Error{
		Kind: fault.Config, Op: "looking for gateways",
		Err:  fmt.Errorf("%w: none of %s is up with a private address", ErrNoInterface, strings.Join(named, ", ")),
		Mend: "Correct discover.interfaces, or remove it to ask on every interface.",
	}
}
