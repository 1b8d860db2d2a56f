"""What may be kept of a DICOM header: coded values, words of radiology; and what names a person."""

from __future__ import annotations

CODES = {
    "Modality": "modality",
    "BodyPartExamined": "body_part",
    "ViewPosition": "view",
    "ImageLaterality": "laterality",
    "Laterality": "laterality",
    "PhotometricInterpretation": "photometric",
}
"""Coded values: at most 16 capitals, digits and underscores in the standard, and checked to be that."""
DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName")
IDENTITY = (
    "PatientName PatientID OtherPatientNames OtherPatientIDs PatientBirthName PatientMotherBirthName "
    "AccessionNumber ReferringPhysicianName PerformingPhysicianName OperatorsName StudyID PatientBirthDate"
).split()
MODALITIES = {
    "CR": "computed radiography X-ray",
    "DX": "digital radiography X-ray",
    "CT": "computed tomography",
    "MR": "magnetic resonance MRI",
    "US": "ultrasound",
    "NM": "nuclear medicine",
    "PT": "positron emission PET",
    "XA": "X-ray angiography",
    "RF": "fluoroscopy",
    "MG": "mammography",
    "SC": "secondary capture",
    "ES": "endoscopy",
    "OP": "ophthalmic photography",
    "OPT": "optical coherence tomography",
    "SM": "slide microscopy",
    "XC": "photograph",
    "PX": "panoramic X-ray",
    "IO": "intraoral X-ray",
    "RTDOSE": "radiotherapy dose",
    "SEG": "segmentation",
}
BURNED_IN_LIKELY = frozenset({"US", "SC", "XA", "RF", "ES", "OT", "XC", "OP", "NM"})
"""Kinds of image that devices often draw the patient's name into."""
VOCABULARY = frozenset(
    "abdomen abdominal acute adrenal angio angiogram angiography ankle ant anterior aorta aortic ap arm "
    "arterial arthrogram axial bilateral biopsy bladder bone bowel brachial brain breast bronchial "
    "calcium cardiac carotid cerebral cervical chest clavicle clinic coccyx colon contrast coronal "
    "coronary cranial ct cta delayed dental diffusion digital doppler dose dual dwi dynamic echo elbow "
    "emergency enhanced enterography esophagus exam extremity eye face facial fast fat femur fetal "
    "finger flair fluoro follow followup foot forearm frontal full gallbladder gastric gre guided hand "
    "head heart hepatic high hip humerus iac inferior injection internal joint kidney kidneys knee kub "
    "lateral left leg liver localizer low lower lumbar lung lungs lymph mammogram mandible "
    "maxillofacial mediastinum mr mra mri mrv multiphase muscle myocardial nasal neck nerve non oblique "
    "optic oral orbit orbits pa pancreas paranasal parathyroid pelvic pelvis perfusion pet phase "
    "pituitary plain portal post posterior pre prostate protocol pulmonary radius recon rectum reformat "
    "renal resolution rest rib ribs right routine sacrum sag sagittal saturation scan scapula scout "
    "screening sella series shoulder sinus sinuses skull soft spect spin spine spleen stereo sternum "
    "stir stomach stress study sub superior supine survey swi t1 t2 temporal testicular thigh thin "
    "thoracic thorax thyroid tibia tissue toe tomo tomography trachea transverse trauma tse ultrasound "
    "upper urinary urogram uterus vascular venous ventricular view views volume w water weighted whole "
    "window with without wo wrist xray".split()
)
