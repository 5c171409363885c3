// Reads a pcap of Ethernet, IPv4 and TCP with gopacket as fast as its own documentation advises, puts the streams
// together, and prints how much it saw: what `analyze` is compared with by compare_speed.py.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/google/gopacket/reassembly"
)

// What every stream adds to.
type sums struct {
	bytes, lost int
}

func (s *sums) New(_, _ gopacket.Flow, _ *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	return &stream{s}
}

type stream struct {
	sums *sums
}

func (*stream) Accept(_ *layers.TCP, _ gopacket.CaptureInfo, _ reassembly.TCPFlowDirection, _ reassembly.Sequence,
	start *bool, _ reassembly.AssemblerContext) bool {
	*start = true // A stream may have begun before the capture, as for arqscope.
	return true
}

func (s *stream) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	length, _ := sg.Lengths()
	_, _, _, skipped := sg.Info()
	s.sums.bytes += length
	if skipped > 0 {
		s.sums.lost += skipped
	}
}

func (*stream) ReassemblyComplete(reassembly.AssemblerContext) bool { return true }

type context gopacket.CaptureInfo

func (c *context) GetCaptureInfo() gopacket.CaptureInfo { return gopacket.CaptureInfo(*c) }

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: gopacket FILE.pcap")
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	reader, err := pcapgo.NewReader(bufio.NewReaderSize(file, 256<<10))
	if err != nil {
		log.Fatal(err)
	}
	var (
		ethernet layers.Ethernet
		ip       layers.IPv4
		tcp      layers.TCP
		payload  gopacket.Payload
		decoded  []gopacket.LayerType
		total    sums
	)
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &ethernet, &ip, &tcp, &payload)
	assembler := reassembly.NewAssembler(reassembly.NewStreamPool(&total))
	packets, began := 0, time.Now()
	for {
		data, info, err := reader.ZeroCopyReadPacketData()
		if err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		packets++
		if err := parser.DecodeLayers(data, &decoded); err != nil {
			continue
		}
		for _, layer := range decoded {
			if layer == layers.LayerTypeTCP {
				at := context(info)
				assembler.AssembleWithContext(ip.NetworkFlow(), &tcp, &at)
			}
		}
	}
	assembler.FlushAll()
	fmt.Printf("%d packets, %d bytes in order, %d lost, %.2f s\n",
		packets, total.bytes, total.lost, time.Since(began).Seconds())
}
