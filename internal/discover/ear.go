package discover

import (
	"context"
	"net"
	"strings"
	"sync"

	"github.com/grandcat/zeroconf"
	"github.com/miekg/dns"
)

// ears listens beside the library to all answers on the networks until ctx
// ends. The library reports each instance name once only, so that a first
// answer with a useless address (some gateways have one) or from a forger
// would hide the right one that follows. Networks that cannot be listened to
// are left to the library.
func ears(ctx context.Context, n networks, heard chan<- *zeroconf.ServiceEntry) *sync.WaitGroup {
	var listeners sync.WaitGroup
	for _, i := range n.interfaces {
		for network, group := range map[string]string{"udp4": "224.0.0.251", "udp6": "ff02::fb"} {
			conn, err := net.ListenMulticastUDP(network, &i, &net.UDPAddr{IP: net.ParseIP(group), Port: 5353})
			if err != nil {
				continue
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			listeners.Go(func() {
				defer stop()
				hear(conn, heard)
			})
		}
	}
	return &listeners
}

func hear(conn *net.UDPConn, heard chan<- *zeroconf.ServiceEntry) {
	buffer := make([]byte, 9000) // the largest packet that mDNS allows
	for {
		n, _, err := conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		message := new(dns.Msg)
		if message.Unpack(buffer[:n]) != nil || !message.Response {
			continue
		}
		for _, e := range services(message) {
			heard <- e
		}
	}
}

// services reads the gateways out of one answer. An answer that leaves a part
// to another packet gives none; the library has the same view, and avahi,
// which the gateways use, sends all together.
func services(message *dns.Msg) []*zeroconf.ServiceEntry {
	records := append(append(message.Answer, message.Ns...), message.Extra...)
	texts := map[string][]string{}
	v4, v6 := map[string][]net.IP{}, map[string][]net.IP{}
	for _, r := range records {
		name := strings.ToLower(r.Header().Name)
		switch rr := r.(type) {
		case *dns.TXT:
			texts[name] = rr.Txt
		case *dns.A:
			v4[name] = append(v4[name], rr.A)
		case *dns.AAAA:
			v6[name] = append(v6[name], rr.AAAA)
		}
	}
	var found []*zeroconf.ServiceEntry
	for _, r := range records {
		rr, ok := r.(*dns.SRV)
		name := strings.ToLower(r.Header().Name)
		if !ok || rr.Hdr.Ttl == 0 || !strings.HasSuffix(name, "."+service+"."+domain+".") {
			continue
		}
		e := zeroconf.NewServiceEntry("", service, domain)
		target := strings.ToLower(rr.Target)
		e.HostName, e.Port, e.Text = rr.Target, int(rr.Port), texts[name]
		e.AddrIPv4, e.AddrIPv6 = v4[target], v6[target]
		found = append(found, e)
	}
	return found
}
