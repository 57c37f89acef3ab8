"""Video files, made here."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import cv2

from tests.rig.pictures import pixels

SIZE = 64


def write(path: Path, *, frames: int, fps: float = 10) -> Path:
    """An AVI of JPEG frames; each is the picture of its number."""
    code = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), code, fps, (SIZE, SIZE))
    assert video.isOpened()
    for number in range(frames):
        video.write(pixels(number, SIZE))
    video.release()
    return path


def write_trimmed(path: Path, *, frames: int, shown: int, fps: float = 10) -> Path:
    """An MP4 whose edit list shows the last of its frames, as phones write when one trims."""
    code = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(path), code, fps, (SIZE, SIZE))
    assert video.isOpened()
    for number in range(frames):
        video.write(pixels(number, SIZE))
    video.release()
    data = bytearray(path.read_bytes())
    # ISO/IEC 14496-12, 8.6.6: version, count, duration in thousandths here, begin in the media's.
    entry = data.index(b"elst") + 12
    scale = int.from_bytes(data[(at := data.index(b"mdhd") + 16) : at + 4])
    data[entry : entry + 4] = int(1000 * shown / fps).to_bytes(4)
    data[entry + 4 : entry + 8] = int(scale * (frames - shown) / fps).to_bytes(4)
    path.write_bytes(data)
    return path


def raw(codec: str) -> bytes:
    """30 frames, 25 a second, as a stream without a container, `h264` or `hevc`.

    OpenCV's package has no encoder for either. FFmpeg made them of its `testsrc`, 32 x 32 or
    64 x 64 pixels, by libx264 and libx265.
    """
    return zlib.decompress(base64.b85decode({"h264": _H264, "hevc": _HEVC}[codec]))


_H264 = (
    "c-muNU|>v7Vc=R*#NwI5;=sVb%m5^KnvZlQN-zNBGF~`0Pdc#y$V%;KWRU-Vy{mh<X?6bp<dd_!l2R6=&Px2"
    "%9)7$ky(-(cQ7_GeZ>40)g(K%qxxBfquv~oV^Jnkgo?g3ATj$QI&Lh&<UM>Z1|3_`@%wNQJ*J6*M&#t4V-"
    "tFg#JoI+wkBojk&RahUPb6pj=X1(_b$G2^SMBswZ)7)S7sX~=717OpU}L-"
    "B;#<oQ@plT_qz+qKMSK;W<ox3Bl*$wT-"
    "H#|7_xAHWQ}Z+VM$w+97ydD<Jo6!FM^v<Z*DEj84F06EyW{U3@;mj&RH|BC%;TNzj(g%dvfFam(%$s{uAcSN"
    "b<(sHVeW3>b2EQ9hwWeRd5`Y*LqC_Dh*rLw$rU2_?_@_-&!+lYr5P$OTKXsKW9*kdx!)WVHjcA6bo>8LZ-"
    "B4`ygw+UoJ#yZy%EBf$h6^*^I66YSD?^Y!y!Lev!Q<0N56>>A&r%LIOLz4N?`xLSF}l3KgOZ57$RYC@(+jnP"
    "oo(O^|Q5K%CG(H2obh;(a*&GA7}>S|MfoWTHpIZgdI8N1BHR+Fvzd>zV>g)W4@mon-"
    "4(bJT=w><v>O;!d(*Ru^%Y*&u19}P{Zz|b$6O>Y%qjKMP{4_N`b5Zs$XxXwe`UQh(uz?eUJpm5|E~lvUk(kM"
    "2aACnJeCd<Up1%Ff+nKpzy?hkTBRDW}v3Ts=BVz^Iv{FTYWNaasKg@5LK1W8=3$A|9^7I0gx)V<|cL&;q~6T"
    "MT!-VmQH^Fk?vAQk)HLm;uzF(liX1??w;ye_c$W{%3X-"
    "`taMcCpt=^dqnh`6@ob31s^zH0C7!Henf2GG5+b|lIEw6S?Z1&nQ<e)}t}}qh??Uz5`aR3$s$R`3tA)rOM)l"
    "*YfAivBc-3!(NS;<lv-s#C!<lO!a+gv4I9oL5PBt{$Zln5dy;q-"
    "S+vFqZ5Xr~wXkk+$73jO9buU!!>*Z+fng7>j`%VB=kkd;"
)
_HEVC = (
    "c-muNU|@7$<YD~(pD}@fftg_fhyWtFsWUhkfO1ZZjA#-"
    "I6dGBlg=MOo`XJWO01^QbJS`x#E{q2Y7YYFx8jR~%ByO!eBoOvs=U&Dp`@*nK%j_PtW@K(YZ>#^vQ!9PNYLR"
    "!1p6)3Z=S&DVnwk-"
    "k(x#;pRI)xny~F#R4fhA8xof@SuSH#7^<63_qr%qHEWCC7`wf57A3PFM5UX_ynVy?|N2*;=JNQG?>hqC#Q(G"
    "qr=t*3cOUla*kbR`FKfgVkV_xR7R~AN>XC+BQmz&M4laV~!Xz_@@;o7<DhpyFp3KEn`bM-"
    "r<^=e5c*Mupbj~`RZ{gJo%ck(&!j;pI@T+a}&{T%m<Q{krnY`ukxR<t&m+P19UVZ2x}YPo_z#x73l8~oggAG"
    "zO2FWkxY*N2ti5*w%TEaAE}DrUkj&t+NN@5~fiWdB8mB~Ys^#GAjwGvs6Uxf!qSi?Hh_=;|f>-"
    "08K)e*Z=Lu$dkwRz`j}aWsX)V1dL5m9^pirb41l(yuN|RnNHs3Q#7-3!2^!c@k#+3%dZ}KS-Hdk+AT|IuMV6"
    "@qx<M_(cc9o-"
    "TuOU9JPUL2z!{_P=gi8?p{SjS84__3se_2{ng*xuQ~KZ=<;CArcRn)WhQon_4msK=mE_8v3Q1HKOqcl>h8%D"
    "Uk00<3Ci=z5ZQ7>j2!~f=!{<?>I9y<y<})o(nazNj2#DorHxjGasgXy?#kYG$9MdU!)rjG{XUI#*9r@!@*{J"
    "O{*~cb}_KvcG$%7AOYPsibW^oA!;5esRxDMNmvXw^BLHkaCbdoLv`mPCp32+*mM=@&U=cw3!sJ`QU^H{Zs?;"
    "nh@mitK3WDb6wZGHHWcCT7f?e}zNXv%*xEMPIPt)nQ!=|uFE8cu<@vid9ir@U62zLN_BIf69;-"
    "nD8D{QdH?TbjeiOv;WfcIb>0z?"
)
