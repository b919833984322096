"""Every limit with its number and its reason, as data."""

from dataclasses import dataclass

LEVELS = 256  # of an 8-bit value; the bins and the ground-truth histograms count in these

LEVEL_OF_16_BITS = 257  # the 16-bit value of the 8-bit level 1: 65535 is 255

# Pictures. The pixel limit is read from the header, before anything is decoded.
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 20_000
MOST_PICTURE_BYTES = 64 * 2**20
# The process that decodes strangers' pictures. The largest of 16 bits with alpha takes 1.2 GB, and
# 3 s of the processor.
MOST_DECODER_BYTES = 2 * 2**30
DECODE_CPU_SECONDS = 5
DECODE_SECONDS = 30  # of the clock: other work may share the processor
MOST_SCANS = 100  # of a JPEG: programs write ten, and each more takes as long as the first
# Of one picture: 240 MB each where it is as large as may be and has 16 bits.
MOST_CANDIDATES = 16

# A zip of pictures; its members are read one by one into memory. PNG and JPEG files hardly get
# smaller in a zip; what shrinks a hundredfold is no photograph.
MOST_ZIP_BYTES = 512 * 2**20
MOST_ZIP_MEMBERS = 5_000
MOST_UNZIPPED_BYTES = 512 * 2**20  # of all members together
MOST_ZIP_RATIO = 100
# Of all pictures of a reference set that the app is sent, as their headers say: half a minute of
# decoding, and sums of some hundred megabytes.
MOST_SET_PIXELS = 200_000_000

# Bin sets are numbered in int64; times the channels and levels they must still fit.
MOST_BIN_SETS = 2**52
# Up to here a table holds every bin set: 3 channels of 8 weights in float64 take 12 MB. Above it
# only the occupied ones are kept.
DENSE_BIN_SETS = 65_536
# Sums of squares of so many 8-bit values stay within int64 (255**2 * this < 2**63).
MOST_REFERENCE_PIXELS = 140_000_000_000_000
# Pixels that weights known beforehand may count as; far beyond it they are all that counts.
MOST_PRIOR_PIXELS = 1_000_000_000
# Direct counting takes one int64 a key: 128 MB. Above it the keys are sorted.
DENSE_KEYS = 2**24
# Sums of one reference set; adding two takes up to four times this for a moment.
MOST_STATISTICS_BYTES = 2**30

# Files of our own format and released tables.
MOST_TABLE_BYTES = 512 * 2**20
MOST_HEADER_BYTES = 2**20
MOST_PUBLISHED_BYTES = 8 * 2**20
MOST_PUBLISHED_CANDIDATES = 4  # the released code writes and reads no more
MOST_PICKLE_BYTES = 4 * 2**20
MOST_RECORDS = 60_000
MOST_OPERATIONS = 600_000
MOST_STRING = 64
MOST_NAME = 80

# A workspace: as much as the app can be sent again, and what stands in its header.
MOST_WORKSPACE_BYTES = 192 * 2**20
MOST_NOTES = 100
MOST_NOTE = 1_000
MOST_PANELS = 6
MOST_LAYER_NAME = 2 * MOST_NAME  # that of a model, and what is shown of it
MOST_SCALE = 20_000  # of a pixel on the screen: a small picture fills a panel of any size

# Noise that is added for trying, in levels: above it little of a picture is left.
MOST_NOISE = 100
# Photons at level 255: with so many the noise is at most 0.26 levels, lost in rounding.
MOST_PHOTONS = 1_000_000

# Checkpoints of networks. A large restoration network has some hundred million parameters: 400 MB,
# three times that with an optimizer's two moments beside it.
MOST_CHECKPOINT_BYTES = 2 * 2**30
MOST_TENSORS = 20_000
MOST_PARAMETERS = 500_000_000  # 2 GB in float32; tensors that share a storage count each
# 14,000 weights with all that Adam keeps of each take 6 MB and 2 million operations, which are read
# in 2 to 6 s.
MOST_CHECKPOINT_PICKLE_BYTES = 16 * 2**20
MOST_CHECKPOINT_OPERATIONS = 2_000_000
# The longest names of parameters have a hundred; notes beside them may be a sentence.
MOST_CHECKPOINT_STRING = 1_000
MOST_TENSOR_DIMENSIONS = 16  # a convolution's weights have 5 at most
DOWNLOAD_SECONDS = 30  # without an answer from a server

# What reaches the app over HTTP: one file is MOST_PICTURE_BYTES at most, all of a request are
MOST_UPLOAD_BYTES = 200 * 2**20
MOST_BODY_BYTES = 2**20  # of any other request: values of fields, and paths of what was uploaded
LEAST_FREE_BYTES = 2 * 2**30  # below it the disk is as good as full
# Temporary files: a visitor who comes back within two hours finds the uploads still there.
TEMP_SECONDS = 7200
SWEEP_SECONDS = 60  # from one sweep to the next
EXIT_SECONDS = 8  # after SIGTERM; a container is killed after ten


@dataclass(frozen=True)
class Profile:
    """What the app allows to whom it is served; None: no limit."""

    name: str
    pixels: int  # of a picture
    temp_bytes: int  # of uploads and results together, the oldest go first
    memory_bytes: int | None  # resident: above it nothing new is begun
    # Of one address:
    uploads_a_minute: int | None
    events_a_minute: int | None  # a slider that is drawn sends some a second
    pending: int | None  # events that run or wait
    framed_by: str  # who may show the page inside another, as Content-Security-Policy has it


OWN_MACHINE = Profile(
    name="own machine",
    pixels=MOST_PIXELS,
    temp_bytes=8 * 2**30,
    memory_bytes=None,
    uploads_a_minute=None,
    events_a_minute=None,
    pending=None,
    framed_by="'self'",
)
PUBLIC_DEMO = Profile(
    name="public demo",
    pixels=2**24,
    temp_bytes=4 * 2**30,
    memory_bytes=6 * 2**30,
    uploads_a_minute=60,
    events_a_minute=600,
    pending=8,  # fewer than the queue holds: one address cannot fill it
    framed_by="'self' https://huggingface.co https://*.hf.space",
)
