package discover

import (
	"net"
	"net/netip"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"
)

// OurPrefixes picks the networks that count from an interface's addresses.
func OurPrefixes(addresses ...string) []netip.Prefix {
	var list []net.Addr
	for _, a := range addresses {
		p := netip.MustParsePrefix(a)
		list = append(list, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return ourPrefixes(list)
}

// Carries reports whether an interface with these flags is asked on.
func Carries(flags net.Flags, byName bool) bool {
	return carries(net.Interface{Flags: flags}, byName)
}

// Collect merges answers as Find does.
func Collect(prefixes []netip.Prefix, entries ...*zeroconf.ServiceEntry) []Candidate {
	c := newCollection(prefixes)
	for _, e := range entries {
		c.add(e)
	}
	return c.candidates()
}

// Services reads the gateways out of one packet as Find does.
func Services(packet []byte) []*zeroconf.ServiceEntry {
	message := new(dns.Msg)
	if message.Unpack(packet) != nil {
		return nil
	}
	return services(message)
}
