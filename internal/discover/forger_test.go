package discover_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"envoyd/internal/discover"
	"envoyd/internal/netnstest"
)

const group = "224.0.0.251:5353"

// forgery is one answer that anybody on the network could send.
type forgery struct {
	instance string
	host     string // SRV target; "envoy.local." when empty
	text     []string
	v4, v6   []string
	bye      bool // with a time to live of 0
}

func claim(instance, serial string, addresses ...string) forgery {
	f := forgery{instance: instance, text: []string{"serialnum=" + serial, "protovers=8.2.4264"}}
	for _, a := range addresses {
		if strings.Contains(a, ":") {
			f.v6 = append(f.v6, a)
		} else {
			f.v4 = append(f.v4, a)
		}
	}
	return f
}

func (f forgery) message() *dns.Msg {
	name := f.instance + "." + serviceType + ".local."
	host := f.host
	if host == "" {
		host = f.instance + ".local."
	}
	ttl := uint32(120)
	if f.bye {
		ttl = 0
	}
	header := func(name string, kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
	}
	m := new(dns.Msg)
	m.Response, m.Authoritative = true, true
	m.Answer = []dns.RR{
		&dns.PTR{Hdr: header(serviceType+".local.", dns.TypePTR), Ptr: name},
		&dns.SRV{Hdr: header(name, dns.TypeSRV), Port: 80, Target: host},
		&dns.TXT{Hdr: header(name, dns.TypeTXT), Txt: f.text},
	}
	for _, a := range f.v4 {
		m.Extra = append(m.Extra, &dns.A{Hdr: header(host, dns.TypeA), A: net.ParseIP(a)})
	}
	for _, a := range f.v6 {
		m.Extra = append(m.Extra, &dns.AAAA{Hdr: header(host, dns.TypeAAAA), AAAA: net.ParseIP(a)})
	}
	return m
}

// forge answers each question heard on the interface with all the forgeries,
// until the function returned is called.
func forge(t *testing.T, link string, packets ...[]byte) (stop func()) {
	t.Helper()
	i, err := net.InterfaceByName(link)
	if err != nil {
		t.Fatal(err)
	}
	to, err := net.ResolveUDPAddr("udp4", group)
	if err != nil {
		t.Fatal(err)
	}
	ears, err := net.ListenMulticastUDP("udp4", i, to)
	if err != nil {
		t.Fatal(err)
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) {
			set = syscall.SetsockoptIPMreqn(int(fd), syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, &syscall.IPMreqn{Ifindex: int32(i.Index)})
		})
		return errors.Join(err, set)
	}}
	mouth, err := config.ListenPacket(t.Context(), "udp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer(ears, mouth, to, packets)
	}()
	return func() {
		_, _ = ears.Close(), mouth.Close()
		<-done
	}
}

func answer(ears *net.UDPConn, mouth net.PacketConn, to net.Addr, packets [][]byte) {
	buffer := make([]byte, 9000)
	for {
		n, _, err := ears.ReadFrom(buffer)
		if err != nil {
			return
		}
		question := new(dns.Msg)
		if question.Unpack(buffer[:n]) != nil || question.Response || len(question.Question) == 0 {
			continue
		}
		for _, p := range packets {
			_, _ = mouth.WriteTo(p, to)
		}
	}
}

func pack(t *testing.T, list ...forgery) [][]byte {
	t.Helper()
	var packets [][]byte
	for _, f := range list {
		p, err := f.message().Pack()
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
	return packets
}

// TestForgerForANamespace is no test but a program that others start.
func TestForgerForANamespace(t *testing.T) {
	fields := strings.Fields(os.Getenv("FORGE"))
	if !netnstest.Inside() || len(fields) != 3 {
		return // started as a test of its own
	}
	defer forge(t, netnstest.Link, pack(t, claim(fields[0], fields[1], fields[2]))...)()
	fmt.Println("listening")
	<-t.Context().Done() // never: it is killed
}

func FuzzPackets(f *testing.F) {
	for _, seed := range []forgery{claim("envoy", first, "10.0.0.1", "fd00::1"), claim("x", "", "127.0.0.1"), {instance: "a.b", host: "."}} {
		p, err := seed.message().Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	f.Fuzz(func(_ *testing.T, packet []byte) {
		for _, e := range discover.Services(packet) {
			discover.Collect([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, e)
		}
	})
}
